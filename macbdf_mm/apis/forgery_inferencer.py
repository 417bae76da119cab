"""From files to scores: the inferencer behind ``macbdf predict``."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope
from rich.console import Console
from rich.progress import track
from torch import nn

from macbdf_mm.apis.caveats import NO_FRAME_HEAD, face_caveats, file_caveats, missing_seconds
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.decision_rules import DecisionRules
from macbdf_mm.apis.face_choice import FaceChoice, detector_for
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.face_windows import FaceInFile, FaceWindows
from macbdf_mm.apis.find_run import choose_run
from macbdf_mm.apis.load_model import build_model, check_device, load_checkpoint, load_weights
from macbdf_mm.apis.media_source import Input, MediaSource, media_sources
from macbdf_mm.apis.onnx_detector import OnnxDetector
from macbdf_mm.apis.predict_faces import predict_faces
from macbdf_mm.apis.predict_video import predict_video
from macbdf_mm.apis.prediction import Prediction, failed_prediction
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.apis.weight_digest import state_digest, weight_digest
from macbdf_mm.apis.window_cuts import cuts_in_window, joined_cuts, windows_with_cuts
from macbdf_mm.apis.window_reader import WindowReader
from macbdf_mm.errors import ConfigError, ForgeryToolboxError, UndecodableMediaError
from macbdf_mm.evaluation.video_scores import VideoScores, gather_videos
from macbdf_mm.evaluation.window_scores import window_of_sample
from macbdf_mm.media.decoding_process import DEFAULT_TIME_LIMIT_SECONDS, DecodingProcess
from macbdf_mm.media.spans import following_spans
from macbdf_mm.registry import SCOPE
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.utils.prefetch import prefetch, with_last
from macbdf_mm.utils.tables import printable, printable_lines
from macbdf_mm.version import __version__

_LOG_SECONDS = 10.0
_MEDIA_FACTS = (
    *("duration_seconds", "width", "height", "fps", "sample_rate"),
    *("video_codec", "audio_codec"),
)
_MAX_BATCH_IN_SIZES = 8


@dataclass(frozen=True)
class ReadWindow:
    """A window of a file that was read, or why the rest of the file was not.

    Attributes:
        source: What it is from.
        packed: The window after the test pipeline; None with an error.
        error: Why the source has no scores.
        is_last: Whether nothing follows of this source.
    """

    source: MediaSource
    packed: dict[str, Any] | None = None
    error: ForgeryToolboxError | None = None
    is_last: bool = False


class ForgeryInferencer(BaseInferencer):
    """Scores media files of any length with a trained detector, window by window.

    Follows MMEngine's ``BaseInferencer``: ``inferencer(files)`` returns a dict with
    ``predictions``, one entry per file, and ``visualization``. It differs in two points. Each
    file is processed on its own: an unreadable file becomes an entry with ``status='error'``,
    and the others are still scored. Pickles, which can run code, are loaded only on request.

    Windows go through the test pipeline of the config, so prediction gets the same inputs as the
    test. One batch is decoded while the previous one is computed, so memory use does not depend
    on the length. Files are read in a child process: a file on which the decoder crashes or hangs
    twice is an error entry, too.

    Threads can share it. A forked process cannot use it: PyTorch hangs there.

    Args:
        model: A config, or the path or name of one; or a release folder, without ``weights``.
        weights: Path of the checkpoint, or a release folder.
        device: Where to compute; by default a GPU if there is one.
        scope: MMEngine's scope for names in the config.
        show_progress: Show the windows of the current file on stderr; in a log, a line every ten
            seconds.
        allow_pickle: Load a checkpoint that holds more than weights. It can run any code:
            only for files from people you trust.
        amp: Compute under bfloat16 autocast: half the memory, and faster on hardware that has it.
        runtime: ``'onnx'`` computes with onnxruntime, from a release folder with ``model.onnx``.
        decode_time_limit_seconds: How long the decoder may take for one window of a file, or to
            look through the file for its length.
        faces: ``'auto'``: score each face of a file if the model was trained on face crops, else
            whole frames; ``'crops'`` or ``'whole-frame'``: whatever it was trained on.
        detector: Config of a detector in ``FACE_DETECTORS``; by default that of the training.
        imports: Modules that register detectors.

    Raises:
        MissingDataError: If config or checkpoint do not exist.
        MissingBackendError: If the model was trained on faces and what finds them is not
            installed, or onnxruntime is asked for and not installed.
        ConfigError: If the config is wrong, or the device is not there.
        CheckpointMismatchError: If the checkpoint does not fit the model.
    """

    preprocess_kwargs = {"stride_seconds", "allow_partial"}
    visualize_kwargs = {"return_vis"}

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path | None = None,
        device: str | None = None,
        scope: str = SCOPE,
        show_progress: bool = True,
        *,
        allow_pickle: bool = False,
        amp: bool = False,
        runtime: Literal["pytorch", "onnx"] = "pytorch",
        decode_time_limit_seconds: float = DEFAULT_TIME_LIMIT_SECONDS,
        faces: FaceChoice = "auto",
        detector: Mapping[str, Any] | None = None,
        imports: Sequence[str] = (),
    ) -> None:
        if amp and runtime == "onnx":
            raise ConfigError("--amp (`amp=True`) is for PyTorch; leave it out of --runtime onnx.")
        self.allow_pickle = allow_pickle
        self._face_options = faces, detector, imports
        self.amp = amp
        self.runtime = runtime
        self._process = DecodingProcess(decode_time_limit_seconds)
        self._owner = os.getpid()
        if weights is None:
            if isinstance(model, Config):
                raise ConfigError(f"Config '{model.filename}' needs weights: name a checkpoint.")
            run = choose_run(model, None)
            model, weights = run.read_config(), run.checkpoint
        cfg = model if isinstance(model, Config) else load_config(model)
        with DefaultScope.overwrite_default_scope(scope):
            # The base class's own bar counts batches, on stdout, one bar per file.
            super().__init__(cfg, str(weights), device, scope, show_progress=False)
        self.show_windows = show_progress

    def __call__(
        self,
        inputs: Input | Iterable[Input],
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return ``predictions`` and ``visualization`` of all files, in order.

        With ``return_vis`` both have an entry for each file, None for one that failed.

        Args:
            inputs: One or several of: the path of a file; a folder, which stands for the media
                files in it; a pattern such as ``'clips/**/*.mp4'``; the bytes of a file; a file
                that is open in binary mode, read from where it stands; a
                :class:`~macbdf_mm.apis.media_source.Recording` of frames and sound.
            return_datasamples: Return a list of ``ForgeryDataSample``, one per window, in place
                of each prediction; a file that failed keeps its record.
            batch_size: Windows that are decoded and computed together.
            **kwargs: ``stride_seconds``, ``allow_partial`` (see :meth:`preprocess`) and
                ``return_vis`` (see :meth:`visualize`).
        """
        outcomes = list(self.iterate(inputs, return_datasamples, batch_size, **kwargs))
        return {
            "predictions": [item for outcome in outcomes for item in outcome["predictions"]],
            "visualization": [item for outcome in outcomes for item in outcome["visualization"]],
        }

    def iterate(
        self,
        inputs: Input | Iterable[Input],
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield what :meth:`__call__` returns for each file, as soon as it is done.

        The inputs can be a generator, of which no more is taken than fills the next batch.
        """
        for source, outcome in self._score(inputs, return_datasamples, batch_size, **kwargs):
            if isinstance(outcome, ForgeryToolboxError):
                error = str(outcome)
                failure = failed_prediction(source.name, error, self.thresholds, self.caveats)
                figures = [None] if kwargs.get("return_vis") else []
                outcome = {"predictions": [failure.to_json()], "visualization": figures}
            yield outcome

    def predict(
        self, inputs: Input | Iterable[Input], batch_size: int = 8, **kwargs: Any
    ) -> Iterator[Prediction]:
        """Yield the prediction of each file as an object, as soon as it is there.

        Args:
            inputs: As :meth:`__call__` takes them, or a generator of them.
            batch_size: Windows that are decoded and computed together.
            **kwargs: ``stride_seconds`` and ``allow_partial``, see :meth:`preprocess`.
        """
        for outcome in self.iterate(inputs, batch_size=batch_size, **kwargs):
            yield from map(Prediction.from_json, outcome["predictions"])

    def score_file(
        self,
        path: str | Path,
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return what :meth:`__call__` returns, of one file.

        Raises:
            MissingDataError: If it does not exist.
            UndecodableMediaError: If it cannot be decoded, or was cut short.
            ConfigError: If this process was forked from the one that made the inferencer.
        """
        source = MediaSource(str(path))
        [(_, outcome)] = self._score([source], return_datasamples, batch_size, **kwargs)
        if isinstance(outcome, ForgeryToolboxError):
            raise outcome
        return outcome

    def preprocess(
        self,
        inputs: Input | Iterable[Input],
        batch_size: int = 8,
        stride_seconds: float | None = None,
        allow_partial: bool = False,
    ) -> Iterator[list["ReadWindow"]]:
        """Yield the windows of all files in batches; short files fill a batch together.

        Each batch is read in a thread while the one before it is in use.

        Args:
            inputs: As :meth:`__call__` takes them.
            batch_size: Windows in a batch.
            stride_seconds: From the start of a window to the next; by default that of the test.
            allow_partial: Score what is there of a file that was cut short, and what was read of
                one whose decoder was stopped in some windows, with a warning.
        """
        windows = (
            window
            for source in self._inputs_to_list(inputs)
            for window in self._read(source, stride_seconds, allow_partial)
        )
        yield from prefetch(_in_batches(windows, batch_size), self._process.abort)

    def forward(self, inputs: dict[str, Any], **kwargs: Any) -> Any:
        """Return the windows of a batch with their scores.

        Args:
            inputs: A batch as the pipeline and ``collate_fn`` make it.
            **kwargs: As the base class takes them.
        """
        with torch.autocast(self._device_type, torch.bfloat16) if self.amp else nullcontext():
            return super().forward(inputs, **kwargs)

    def visualize(
        self,
        inputs: Sequence[MediaSource],
        preds: Sequence[ForgeryDataSample],
        show: bool = False,
        return_vis: bool = False,
    ) -> list[Any]:
        """Return a timeline figure for each file if ``return_vis``, else nothing.

        Args:
            inputs: The files.
            preds: Their windows after :meth:`forward`.
            show: Not supported: figures are made without a display.
            return_vis: Whether to draw.
        """
        if not return_vis:
            return []
        # Imported late: matplotlib takes a second, and most calls draw nothing.
        from macbdf_mm.reports.figures.timeline import draw_timeline

        figures = []
        for samples in _by_file(preds):
            face, video = max(
                ((face, self._gather(own)) for face, own in _by_face(samples)),
                key=lambda pair: -1.0 if not pair[1].is_scored else pair[1].scores["overall"],
            )
            caveats = [*self.caveats, *file_caveats(samples[0].media_info)]
            said = [Path(video.file).name, *([f"face {face.id}"] if face else []), *caveats]
            figures.append(
                draw_timeline(
                    self.rules.calibration.windows(video).tolist(),
                    thresholds=self.thresholds,
                    duration_seconds=video.windows[-1].span_seconds[1],
                    title=printable_lines(said),
                )
            )
        return figures

    def postprocess(
        self,
        preds: Sequence[ForgeryDataSample],
        visualization: list[Any],
        return_datasample: bool = False,
    ) -> dict[str, Any]:
        """Return ``predictions``, one entry per file, and ``visualization``.

        Args:
            preds: Windows after :meth:`forward`.
            visualization: What :meth:`visualize` returned.
            return_datasample: Return lists of the windows themselves as predictions.

        Raises:
            UndecodableMediaError: If no window of a file has a score.
        """
        predictions: list[Any] = []
        for samples in _by_file(preds):
            if return_datasample:
                predictions.append(list(samples))
                continue
            try:
                predictions.append(self._predict(samples).to_json())
            except UndecodableMediaError as error:
                error.is_passing = any(sample.is_decoder_stopped for sample in samples)
                raise
        return {"predictions": predictions, "visualization": visualization}

    def _predict(self, samples: Sequence[ForgeryDataSample]) -> Prediction:
        """Return the prediction of a file from its windows after :meth:`forward`."""
        info, found = samples[0].media_info, samples[0].get("found")
        num_damaged = sum(sample.get("num_damaged", 0) for sample in samples)
        num_damaged += 0 if found is None else found.num_damaged
        warnings = [*self.caveats, *file_caveats(info, num_damaged)]
        if not any("pred_video_steps" in sample for sample in samples):
            warnings.append(NO_FRAME_HEAD)
        missing = missing_seconds(info)
        parts = _by_face(samples)
        cuts = () if found is None else found.cuts_seconds
        if any(face is None for face, _ in parts):
            missing_share = missing / (info.duration_seconds + missing)
            if found is not None:
                warnings.append(found.failure or "no window lies within the shot of a face")
            video = self._gather(samples)
            prediction = self._predict_video(video, warnings, missing_share)
            if found is not None:
                return replace(prediction, looked_at="no face", cuts=cuts)
            return _with_cuts(prediction, samples) if info.has_video else prediction
        faces = [
            (face, self._predict_video(self._gather(own), [], num_faces=len(parts)))
            for face, own in parts
            if face is not None
        ]
        seen = [sample.span_seconds for sample in samples if not sample.decode_error]
        total_seconds = info.duration_seconds + missing
        return replace(predict_faces(faces, warnings, seen, total_seconds), cuts=cuts)

    def _predict_video(
        self,
        video: VideoScores,
        warnings: Sequence[str],
        missing_share: float = 0.0,
        num_faces: int = 1,
    ) -> Prediction:
        return predict_video(
            video,
            self.thresholds,
            warnings,
            missing_share,
            self.rules.real_windows,
            self.rules.proposals,
            self.rules.calibration,
            num_faces,
        )

    @property
    def thresholds(self) -> dict[str, float]:
        """By track, the score from which it counts as fake."""
        return self.rules.thresholds

    def _score(
        self,
        inputs: Any,
        return_datasamples: bool,
        batch_size: int,
        **kwargs: Any,
    ) -> Iterator[tuple[MediaSource, dict[str, Any] | ForgeryToolboxError]]:
        """Yield each source with what :meth:`__call__` returns of it, or why there is nothing."""
        self._refuse_fork()
        reading, computing, drawing, gathering = self._dispatch_kwargs(**kwargs)
        samples: list[ForgeryDataSample] = []
        problem: ForgeryToolboxError | None = None
        for batch in self.preprocess(inputs, batch_size, **reading):
            computed, failure = self._compute(batch, computing)
            for window in batch:
                if window.packed is not None and computed:
                    samples.append(computed.pop(0))
                problem = problem or window.error or (failure if window.packed else None)
                if not window.is_last:
                    continue
                yield (
                    window.source,
                    problem
                    or self._finish(window.source, samples, return_datasamples, drawing, gathering),
                )
                samples, problem = [], None

    def _compute(
        self, batch: Sequence["ReadWindow"], kwargs: dict[str, Any]
    ) -> tuple[list[ForgeryDataSample], ForgeryToolboxError | None]:
        """Return the windows of a batch with their scores, or why they have none."""
        packed = [window.packed for window in batch if window.packed is not None]
        try:
            return list(self.forward(self.collate_fn(packed), **kwargs)) if packed else [], None
        except ForgeryToolboxError as error:
            return [], error

    def _finish(
        self,
        source: MediaSource,
        samples: Sequence[ForgeryDataSample],
        return_datasamples: bool,
        drawing: dict[str, Any],
        gathering: dict[str, Any],
    ) -> dict[str, Any] | ForgeryToolboxError:
        try:
            figures = self.visualize([source], samples, **drawing)
            outcome: dict[str, Any] = self.postprocess(
                samples, figures, return_datasamples, **gathering
            )
        except ForgeryToolboxError as error:
            return error
        if not return_datasamples:
            for prediction in outcome["predictions"]:
                info = samples[0].media_info
                media = {name: getattr(info, name) for name in _MEDIA_FACTS}
                prediction.update(media=media, model=self._model_facts)
        return outcome

    @cached_property
    def _model_facts(self) -> dict[str, Any]:
        """What a prediction says of the model."""
        return {
            "weights_sha256": self._stored_digest or weight_digest(self.model),
            "training_data": self._training_data,
            "version": __version__,
        }

    def _read(
        self, source: MediaSource, stride_seconds: float | None, allow_partial: bool
    ) -> Iterator["ReadWindow"]:
        """Yield the windows of a source; the last one, or an error in its place, says so."""
        try:
            with source.file() as path:
                try:
                    windows = self._windows(path, source.name, stride_seconds, allow_partial)
                    for packed, is_last in with_last(windows):
                        if source.content is not None:
                            sample = packed["data_samples"]
                            problem = sample.decode_error and source.renamed(
                                sample.decode_error, path
                            )
                            sample.set_metainfo(
                                {"file": source.name, "path": source.name, "decode_error": problem}
                            )
                        yield ReadWindow(source, packed, is_last=is_last)
                except ForgeryToolboxError as error:
                    error.args = (source.renamed(str(error), path), *error.args[1:])
                    raise
        except ForgeryToolboxError as error:
            yield ReadWindow(source, error=error, is_last=True)

    def _windows(
        self, path: Path, name: str, stride_seconds: float | None, allow_partial: bool
    ) -> Iterator[dict[str, Any]]:
        """Yield the windows of a file: those of its faces, or of its whole frames."""
        info = self.reader.probe(path, allow_partial)
        if self.faces is not None and info.has_video:
            yield from self.faces.read(path, info, stride_seconds, allow_partial)
            return
        spans = self.reader.plan(info.duration_seconds, stride_seconds)
        for number, span in enumerate(self._watch(spans, name), start=1):
            later = following_spans(spans, number)
            packed = self.reader.read(path, info, span, allow_partial, later=later)
            cuts = cuts_in_window(packed["inputs"], span)
            packed["data_samples"].set_metainfo({"cuts": cuts})
            yield packed

    def _inputs_to_list(self, inputs: Any) -> Any:
        """Return an iterator over what the inputs stand for: there may be many."""
        return media_sources(inputs)

    def _init_model(self, cfg: Config, weights: str, device: str = "cpu") -> nn.Module:
        """Return the model with its weights, and note what has to be said about them."""
        if self.runtime == "pytorch":
            check_device(device)
        checkpoint = load_checkpoint(weights, allow_pickle=self.allow_pickle)
        self._stored_digest: str | None = None
        model: nn.Module
        if self.runtime == "onnx":
            model = OnnxDetector(weights, checkpoint["state_dict"], device)
            # As PyTorch would hold them, in float32.
            self._stored_digest = state_digest(
                {
                    name: value.float() if value.is_floating_point() else value
                    for name, value in checkpoint["state_dict"].items()
                }
            )
        else:
            model = build_model(cfg)
            load_weights(model, checkpoint["state_dict"], weights)
            model.to(device)
        self._device_type = torch.device(device).type
        self.rules = DecisionRules.of(model, checkpoint)
        meta = checkpoint.get("meta")
        known = meta.get("training_data") if isinstance(meta, Mapping) else None
        self._training_data = dict(known) if isinstance(known, Mapping) else None
        training = FaceTraining.of(cfg, checkpoint)
        choice, named, imports = self._face_options
        detector = detector_for(choice, training, named, imports)
        self.caveats = [*self.rules.caveats, *face_caveats(training, detector is not None)]
        self.reader = WindowReader(read_test_settings(cfg), self._process)
        self.faces = None if detector is None else FaceWindows(self.reader, detector, training)
        return model

    def _init_pipeline(self, cfg: Config) -> Compose:
        return self.reader.settings.pipeline

    def _init_collate(self, cfg: Config) -> Any:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> None:
        # The config's visualizer would write into the work folder of the training run.
        return None

    def _watch(self, spans: Sequence[Interval], name: str) -> Iterable[Interval]:
        """Return an iterable of ``spans`` that shows its progress if that is wanted."""
        console = Console(stderr=True)
        if not self.show_windows:
            return spans
        shown = printable(Path(name).name)
        if not console.is_terminal:
            return _with_log_lines(spans, shown)
        return track(spans, description=shown, console=console, transient=True)

    def _refuse_fork(self) -> None:
        if os.getpid() != self._owner:
            raise ConfigError(
                f"This inferencer was made in process {self._owner}, of which process "
                f"{os.getpid()} is a fork, and PyTorch hangs in forks; make it in the process "
                "that uses it, started with multiprocessing's method 'spawn'."
            )

    def _gather(self, samples: Sequence[ForgeryDataSample]) -> VideoScores:
        """Return the scores of one file, or of one face in it."""
        windows = [window_of_sample(sample.to_dict()) for sample in samples]
        videos = gather_videos(windows, self.reader.settings.aggregation, self.rules.real_windows)
        [video] = self.rules.calibration.apply(videos)
        return video


def _by_file(samples: Sequence[ForgeryDataSample]) -> list[list[ForgeryDataSample]]:
    files: dict[str, list[ForgeryDataSample]] = {}
    for sample in samples:
        files.setdefault(sample.file, []).append(sample)
    return list(files.values())


def _by_face(
    samples: Sequence[ForgeryDataSample],
) -> list[tuple[FaceInFile | None, list[ForgeryDataSample]]]:
    """Return the windows of a file by the face that they show; None where none was looked for."""
    faces: dict[int, tuple[FaceInFile | None, list[ForgeryDataSample]]] = {}
    for sample in samples:
        face = sample.get("face")
        faces.setdefault(0 if face is None else face.id, (face, []))[1].append(sample)
    return list(faces.values())


def _with_cuts(prediction: Prediction, samples: Sequence[ForgeryDataSample]) -> Prediction:
    """Return the prediction with what was looked at, whole frames, and the cuts seen in them."""
    cuts = joined_cuts([sample.get("cuts", ()) for sample in samples])
    spans = [(start, end) for start, end, *_ in prediction.windows]
    return replace(
        prediction,
        looked_at="whole frames",
        cuts=cuts,
        cut_windows=windows_with_cuts(spans, cuts),
    )


def _in_batches(windows: Iterator[ReadWindow], size: int) -> Iterator[list[ReadWindow]]:
    """Yield the windows in lists with ``size`` that were read, and what failed between them."""
    batch: list[ReadWindow] = []
    num_read = 0
    for window in windows:
        batch.append(window)
        num_read += window.packed is not None
        # What failed waits for what was read before it, but never a million for a few windows.
        if num_read == size or not num_read or len(batch) == _MAX_BATCH_IN_SIZES * size:
            yield batch
            batch, num_read = [], 0
    if batch:
        yield batch


def _with_log_lines(spans: Sequence[Interval], name: str) -> Iterator[Interval]:
    """Yield the windows of a file; one that takes long leaves a line every ten seconds."""
    begin = shown_at = time.monotonic()
    for number, span in enumerate(spans):
        now = time.monotonic()
        if number and now - shown_at >= _LOG_SECONDS:
            shown_at = now
            left = (len(spans) - number) * (now - begin) / number
            text = f"{name}: {number}/{len(spans)} windows, about {left:.0f} s left"
            print(text, file=sys.stderr, flush=True)
        yield span
