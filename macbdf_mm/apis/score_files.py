"""Scores of many files: in several processes, by parts on several machines, resumed."""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import torch
from mmengine.config import Config

from macbdf_mm.apis.caveats import face_caveats, weight_caveats
from macbdf_mm.apis.decision_rules import thresholds_by_track
from macbdf_mm.apis.explain import explain
from macbdf_mm.apis.face_choice import scores_faces
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.file_reports import FileReports
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.media_files import expand_paths
from macbdf_mm.apis.prediction import failed_prediction, save_predictions
from macbdf_mm.apis.release import file_digest, weights_file
from macbdf_mm.engine.hooks.decision_threshold_hook import calibration_of
from macbdf_mm.errors import ConfigError, ForgeryToolboxError, UnwritableFileError
from macbdf_mm.utils.files import FileStamp, check_writable
from macbdf_mm.utils.jobs import Engine, Job, Result, run_jobs
from macbdf_mm.utils.journal import Journal, journal_files
from macbdf_mm.utils.shard import WHOLE, Shard

# Counted up when scores of before must not be taken for those of now.
_VERSION = 5

Prediction = dict[str, Any]


class FileScorer:
    """Scores a file per call, with a model that each process loads when it starts.

    Args:
        config: Config of the model.
        checkpoint: Its weights.
        loading: Further arguments of :class:`ForgeryInferencer`. Without a ``device`` the
            processes of a machine share its GPUs evenly.
        scoring: Arguments of its call, such as ``batch_size``.
        reports: What is written of each file beside its scores; None for nothing.
    """

    def __init__(
        self,
        config: Config,
        checkpoint: str | Path,
        loading: Mapping[str, Any] | None = None,
        scoring: Mapping[str, Any] | None = None,
        reports: FileReports | None = None,
    ) -> None:
        self.config = config
        self.checkpoint = Path(checkpoint)
        self.loading = dict(loading or {})
        self.scoring = dict(scoring or {})
        self.reports = reports
        self._inferencer: ForgeryInferencer | None = None

    def start(self) -> None:
        """Load the model into this process, if it is not yet there.

        Raises:
            ConfigError: If the config is wrong, or the device is not there.
            CheckpointMismatchError: If the weights do not fit the model.
        """
        self._load()

    def __call__(self, file: str) -> Prediction:
        """Return the prediction of a file, as :meth:`ForgeryInferencer.score_file` makes it."""
        inferencer = self._load()
        prediction: Prediction = inferencer.score_file(file, **self.scoring)["predictions"][0]
        prediction = {**prediction, "settings": self.settings}
        if self.reports is not None:
            self.reports.write(prediction, inferencer)
        return prediction

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_inferencer": None}

    @cached_property
    def thresholds_and_caveats(self) -> tuple[dict[str, float], list[str]]:
        """Thresholds by track, and what is to be said of all scores.

        From the checkpoint alone, where no model is in this process.
        """
        if self._inferencer is not None:
            return self._inferencer.thresholds, self._inferencer.caveats
        allow_pickle = self.loading.get("allow_pickle", False)
        checkpoint = load_checkpoint(self.checkpoint, allow_pickle=allow_pickle)
        weights = checkpoint["state_dict"]
        owner = f"The model of '{self.checkpoint}'"
        thresholds = thresholds_by_track(weights.get("decision_threshold"), owner)
        is_fitted = bool(weights.get("is_threshold_fitted", False))
        are_windows_known = bool(weights.get("real_windows", torch.zeros(1)).any())
        calibration = calibration_of(weights)
        caveats = weight_caveats(checkpoint, is_fitted, are_windows_known, calibration)
        training = FaceTraining.of(self.config, checkpoint)
        are_faces_scored = scores_faces(self.loading.get("faces", "auto"), training)
        return thresholds, [*caveats, *face_caveats(training, are_faces_scored)]

    @cached_property
    def settings(self) -> str:
        """Digest of what scores depend on beside the file: weights, config and options."""
        settings = [
            _VERSION,
            self._weights_digest,
            self.config.to_dict(),
            # Batches of another size give the same scores.
            sorted((name, value) for name, value in self.scoring.items() if name != "batch_size"),
            [self.loading.get("amp", False), self.loading.get("runtime", "pytorch")],
            self.loading.get("faces", "auto"),
            self.loading.get("detector"),
        ]
        text = json.dumps(settings, sort_keys=True, default=str)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def stamps(self) -> Callable[[Path], list[Any]]:
        """Return the function that says what the scores of a file depend on."""
        settings = self.settings
        return lambda path: [settings, (found := FileStamp.of(path)) and found.as_json()]

    @cached_property
    def _weights_digest(self) -> str | None:
        """Of the weights that this run began with, in all of its processes."""
        return _digest_of_weights(self.checkpoint)

    def _load(self) -> ForgeryInferencer:
        """Return the model with the weights that this run began with.

        Raises:
            ConfigError: If the file holds others by now, as while a training goes on.
        """
        if self._inferencer is None:
            begun_with = self._weights_digest
            loading = {**self.loading, "device": self.loading.get("device") or _own_gpu()}
            try:
                inferencer = ForgeryInferencer(self.config, self.checkpoint, **loading)
            except ForgeryToolboxError:
                raise
            except Exception as error:
                # What tells a wrong config from a bug is lost on the way out of a process.
                sentence = explain(error)
                if sentence is None:
                    raise
                raise ConfigError(sentence) from error
            if _digest_of_weights(self.checkpoint) != begun_with:
                raise ConfigError(
                    f"The weights in '{self.checkpoint}' were replaced while files were scored; "
                    "begin again, with a copy of them if a training still writes there."
                )
            self._inferencer = inferencer
        return self._inferencer


def score_files(
    scorer: FileScorer,
    paths: Iterable[str | Path],
    engine: Engine,
    tell: Callable[[Prediction], None],
    *,
    out: str | Path | None = None,
    shard: Shard = WHOLE,
    resume: bool = True,
    is_known: Callable[[str], bool] | None = None,
) -> None:
    """Tell the prediction of each file as it comes; one that cannot be scored has an error.

    Neither a file that ends its process nor one that is not done in time harms another. No
    prediction is kept in memory, and no name: with ``out``, a file takes 130 bytes or so in the
    index of the journal, and without it nothing.

    Args:
        scorer: Scores a file.
        paths: Files, folders and patterns, as
            :func:`~macbdf_mm.apis.media_files.expand_paths` takes them; taken as they are needed.
        engine: Where the scorer works.
        tell: Is given each prediction as it comes.
        out: JSON file for the list of all, in the order of the files. Until it is written,
            predictions are kept as they come in a journal beside it, :func:`journal_of` it, so that
            a stopped run resumes.
        shard: The part of the files to score; a part of them has a journal alone.
        resume: Take over what is in the journal, of this shard and of all others, where neither
            file, model nor settings have changed since; if not, the journal is begun anew.
        is_known: Called with the path of each file; returns whether to pass it over.

    Raises:
        UnwritableFileError: If ``out`` cannot be written; nothing is scored then.
        ConfigError: If shards have left journals, and ``resume`` is not wanted; or if ``out`` is no
            file beside which a shard could keep its scores.
    """
    if out is not None:
        check_writable(out)
    stamp_of = scorer.stamps()
    # What the list will hold, in its order: there may be a million, and stdin is read once.
    with TemporaryFile() as order, _open_journal(out, shard, resume) as journal:

        def planned() -> Iterator[Job]:
            for name in expand_paths(paths):
                if shard.has(name) and not (is_known and is_known(name)):
                    job = Job(name, name, stamp_of(Path(name)))
                    if out is not None:
                        order.write(json.dumps([job.key, job.stamp]).encode() + b"\n")
                    yield job

        for result in run_jobs(scorer, planned(), engine, journal):
            tell(_prediction(scorer, result))
        if out is not None and journal is not None and shard == WHOLE:
            order.seek(0)
            _save(
                out,
                scorer,
                (Job(key, key, stamp) for key, stamp in map(json.loads, order)),
                journal,
            )
            # While it is ours: another run may begin one at once.
            journal.path.unlink(missing_ok=True)


def _save(out: str | Path, scorer: FileScorer, jobs: Iterable[Job], journal: Journal) -> None:
    def predictions() -> Iterator[Prediction]:
        for job in jobs:
            answer = journal.find(job.key, job.stamp)
            assert answer is not None  # What was told is in the journal.
            yield _prediction(scorer, Result.of(job, answer))

    try:
        save_predictions(out, predictions())
    except UnwritableFileError as error:
        if journal.path.parent != Path(out).parent:  # It goes with this run.
            raise
        raise UnwritableFileError(
            f"{error} All scores are kept in {journal.path}; the same command takes them over."
        ) from error


def journal_of(out: str | Path) -> Path | None:
    """Return where predictions are kept that will be written to a JSON file when all are there.

    None for what is no file, such as ``/dev/stdout``.
    """
    out = Path(out)
    is_file = out.is_file() and not out.is_symlink()
    return out.with_name(f"{out.stem}.journal.jsonl") if is_file or not out.exists() else None


def _prediction(scorer: FileScorer, result: Result) -> Prediction:
    if result.status == "done":
        prediction: Prediction = result.value
        return prediction
    error = result.error or f"{result.key} has no scores."
    failure = failed_prediction(result.key, error, *scorer.thresholds_and_caveats)
    return replace(failure, settings=scorer.settings).to_json()


@contextmanager
def _open_journal(out: str | Path | None, shard: Shard, resume: bool) -> Iterator[Journal | None]:
    """Give the journal beside ``out``; one of this run alone if ``out`` is no file."""
    if out is None:
        yield None
        return
    path = journal_of(out)
    if path is None and shard != WHOLE:
        raise ConfigError(
            f"A shard keeps its scores beside --json OUT, and '{out}' is no ordinary file; name "
            "one."
        )
    if path is None:
        with TemporaryDirectory() as folder, Journal(Path(folder) / "journal.jsonl") as journal:
            yield journal
        return
    shards = [piece for piece in journal_files(path) if piece != path]
    if shards and shard == WHOLE and not resume:
        raise ConfigError(
            f"A shard has left its scores in '{shards[0]}': delete the file, or take its scores "
            "over with --resume (`resume=True`)."
        )
    with Journal(path, shard, resume=resume) as journal:
        yield journal


def _digest_of_weights(checkpoint: Path) -> str | None:
    weights = weights_file(checkpoint)
    return file_digest(weights) if weights.is_file() else None


def _own_gpu() -> str | None:
    """Return the GPU of this process among those of the machine, None in a main process."""
    number = sum(multiprocessing.current_process()._identity)
    num_gpus = torch.cuda.device_count()
    return f"cuda:{(number - 1) % num_gpus}" if number and num_gpus else None
