"""From files to scores: the inferencer behind ``macbdf predict``."""

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope
from rich.console import Console
from rich.progress import track
from torch import nn

from macbdf_mm.apis.caveats import NO_FRAME_HEAD, ONLY_FACES, file_caveats, missing_seconds
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.decision_rules import DecisionRules
from macbdf_mm.apis.find_run import choose_run
from macbdf_mm.apis.load_model import build_model, check_device, load_checkpoint, load_weights
from macbdf_mm.apis.media_files import expand_folders
from macbdf_mm.apis.predict_video import predict_video
from macbdf_mm.apis.prediction import Prediction, failed_prediction
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.apis.window_reader import WindowReader
from macbdf_mm.errors import ConfigError, ForgeryToolboxError, UndecodableMediaError
from macbdf_mm.evaluation.video_scores import VideoScores, gather_videos
from macbdf_mm.evaluation.window_scores import window_of_sample
from macbdf_mm.media.decoding_process import DEFAULT_TIME_LIMIT_SECONDS, DecodingProcess
from macbdf_mm.registry import SCOPE
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.utils.prefetch import prefetch
from macbdf_mm.utils.tables import printable_lines


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
        show_progress: Show the windows of the current file on stderr, in a terminal.
        allow_pickle: Load a checkpoint that holds more than weights. It can run any code:
            only for files from people you trust.
        amp: Compute under bfloat16 autocast, on a GPU.
        decode_time_limit_seconds: How long the decoder may take for one window of a file, or to
            look through the file for its length.

    Raises:
        MissingDataError: If config or checkpoint do not exist.
        ConfigError: If the config is wrong, the device is missing, or ``amp`` is set without a GPU.
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
        decode_time_limit_seconds: float = DEFAULT_TIME_LIMIT_SECONDS,
    ) -> None:
        self.allow_pickle = allow_pickle
        self.amp = amp
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
        inputs: str | Path | Sequence[str | Path],
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return ``predictions`` and ``visualization`` of all files, in order.

        With ``return_vis`` both have an entry for each file, None for one that failed.

        Args:
            inputs: Files and folders; a folder stands for the media files in it.
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
        inputs: str | Path | Sequence[str | Path],
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield what :meth:`__call__` returns for each file, as soon as it is done."""
        self._refuse_fork()
        for path in self._inputs_to_list(inputs):
            try:
                yield self.score_file(path, return_datasamples, batch_size, **kwargs)
            except ForgeryToolboxError as error:
                failure = failed_prediction(str(path), str(error), self.thresholds, self.caveats)
                figures = [None] if kwargs.get("return_vis") else []
                yield {"predictions": [failure.to_json()], "visualization": figures}

    def predict(
        self, inputs: str | Path | Sequence[str | Path], batch_size: int = 8, **kwargs: Any
    ) -> Iterator[Prediction]:
        """Yield the prediction of each file as an object, as soon as it is there.

        Args:
            inputs: Files and folders; a folder stands for the media files in it.
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
        self._refuse_fork()
        outcome: dict[str, Any] = super().__call__(
            [Path(path)], return_datasamples, batch_size, **kwargs
        )
        return outcome

    def preprocess(
        self,
        inputs: Sequence[Path],
        batch_size: int = 8,
        stride_seconds: float | None = None,
        allow_partial: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Yield collated batches of windows; a batch never holds windows of two files.

        Args:
            inputs: Media files.
            batch_size: Windows in a batch.
            stride_seconds: From the start of a window to the next; by default that of the test.
            allow_partial: Score what is there of a file that was cut short, and what was read of
                one whose decoder was stopped in some windows, with a warning.

        Raises:
            MissingDataError: If a file does not exist.
            UndecodableMediaError: If a file cannot be decoded, or was cut short.
            DecoderStoppedError: If the decoder died or hung twice on a window.
        """
        for path in inputs:
            info = self.reader.probe(path, allow_partial)
            spans = self.reader.plan(info.duration_seconds, stride_seconds)
            packed = (
                self.reader.read(path, info, span, allow_partial)
                for span in self._watch(spans, path)
            )
            batches = map(self.collate_fn, self._get_chunk_data(packed, batch_size))
            yield from prefetch(batches, self._process.abort)

    def forward(self, inputs: dict[str, Any], **kwargs: Any) -> Any:
        """Return the windows of a batch with their scores.

        Args:
            inputs: A batch of :meth:`preprocess`.
            **kwargs: As the base class takes them.
        """
        with torch.autocast("cuda", torch.bfloat16) if self.amp else nullcontext():
            return super().forward(inputs, **kwargs)

    def visualize(
        self,
        inputs: list[Path],
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

        infos = {sample.file: sample.media_info for sample in preds}
        return [
            draw_timeline(
                self.rules.calibration.windows(video).tolist(),
                thresholds=self.thresholds,
                duration_seconds=video.windows[-1].span_seconds[1],
                title=printable_lines(
                    [Path(video.file).name, *self.caveats, *file_caveats(infos[video.file])]
                ),
            )
            for video in self._gather(preds)
        ]

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
        for video in self._gather(preds):
            samples = [sample for sample in preds if sample.file == video.file]
            if return_datasample:
                predictions.append(samples)
                continue
            info = samples[0].media_info
            num_damaged = sum(sample.get("num_damaged", 0) for sample in samples)
            warnings = [*self.caveats, *file_caveats(info, num_damaged)]
            if not any(window.steps for window in video.windows):
                warnings.append(NO_FRAME_HEAD)
            missing = missing_seconds(info)
            missing_share = missing / (info.duration_seconds + missing)
            try:
                prediction = predict_video(
                    video,
                    self.thresholds,
                    warnings,
                    missing_share,
                    self.rules.real_windows,
                    self.rules.proposals,
                    self.rules.calibration,
                )
            except UndecodableMediaError as error:
                error.is_passing = any(sample.is_decoder_stopped for sample in samples)
                raise
            predictions.append(prediction.to_json())
        return {"predictions": predictions, "visualization": visualization}

    @property
    def thresholds(self) -> dict[str, float]:
        """By track, the score from which it counts as fake."""
        return self.rules.thresholds

    def _inputs_to_list(self, inputs: str | Path | Sequence[str | Path]) -> list[Path]:
        return expand_folders([inputs] if isinstance(inputs, str | Path) else inputs)

    def _init_model(self, cfg: Config, weights: str, device: str = "cpu") -> nn.Module:
        """Return the model with its weights, and note what has to be said about them."""
        check_device(device, self.amp)
        checkpoint = load_checkpoint(weights, allow_pickle=self.allow_pickle)
        model = build_model(cfg)
        load_weights(model, checkpoint["state_dict"], weights)
        self.rules = DecisionRules.of(model, checkpoint)
        # The pipeline adds to them.
        self.caveats = [*self.rules.caveats]
        return model.to(device)

    def _init_pipeline(self, cfg: Config) -> Compose:
        settings = read_test_settings(cfg)
        if settings.reads_face_crops:
            self.caveats.append(ONLY_FACES)
        self.reader = WindowReader(settings, self._process)
        return settings.pipeline

    def _init_collate(self, cfg: Config) -> Any:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> None:
        # The config's visualizer would write into the work folder of the training run.
        return None

    def _watch(self, spans: Sequence[Interval], path: Path) -> Any:
        """Return an iterable of ``spans`` that shows its progress if that is wanted."""
        console = Console(stderr=True)
        if not (self.show_windows and console.is_terminal):
            return spans
        return track(spans, description=path.name, console=console, transient=True)

    def _refuse_fork(self) -> None:
        if os.getpid() != self._owner:
            raise ConfigError(
                f"This inferencer was made in process {self._owner}, of which process "
                f"{os.getpid()} is a fork, and PyTorch hangs in forks; make it in the process "
                "that uses it, started with multiprocessing's method 'spawn'."
            )

    def _gather(self, samples: Sequence[ForgeryDataSample]) -> list[VideoScores]:
        windows = [window_of_sample(sample.to_dict()) for sample in samples]
        videos = gather_videos(windows, self.reader.settings.aggregation, self.rules.real_windows)
        return self.rules.calibration.apply(videos)
