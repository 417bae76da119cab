"""Scores of many files: in several processes, by parts on several machines, resumed."""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from macbdf_mm.apis.caveats import weight_caveats
from macbdf_mm.apis.decision_rules import thresholds_by_track
from macbdf_mm.apis.explain import explain
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.media_files import expand_folders
from macbdf_mm.apis.prediction import failed_prediction, save_predictions
from macbdf_mm.engine.hooks.decision_threshold_hook import calibration_of
from macbdf_mm.errors import ConfigError, ForgeryToolboxError, UnwritableFileError
from macbdf_mm.utils.files import FileStamp, check_writable
from macbdf_mm.utils.jobs import Engine, Job, Result, run_jobs
from macbdf_mm.utils.journal import Journal, journal_files
from macbdf_mm.utils.shard import WHOLE, Shard

# Counted up when scores of before must not be taken for those of now.
_VERSION = 4

Prediction = dict[str, Any]


class FileScorer:
    """Scores a file per call, with a model that each process loads when it starts.

    Args:
        config: Config of the model.
        checkpoint: Its weights.
        loading: Further arguments of :class:`ForgeryInferencer`. Without a ``device`` the
            processes of a machine share its GPUs evenly.
        scoring: Arguments of its call, such as ``batch_size``.
    """

    def __init__(
        self,
        config: Config,
        checkpoint: str | Path,
        loading: Mapping[str, Any] | None = None,
        scoring: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.checkpoint = Path(checkpoint)
        self.loading = dict(loading or {})
        self.scoring = dict(scoring or {})
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
        prediction: Prediction = self._load().score_file(file, **self.scoring)["predictions"][0]
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
        return thresholds, weight_caveats(checkpoint, is_fitted, are_windows_known, calibration)

    def stamps(self) -> Callable[[Path], list[Any]]:
        """Return the function that says what the scores of a file depend on."""
        weights = FileStamp.of(self.checkpoint)
        settings = [
            weights and weights.as_json(),
            self.config.to_dict(),
            sorted(self.scoring.items()),
            self.loading.get("amp", False),
        ]
        text = json.dumps(settings, sort_keys=True, default=str)
        digest = blake2b(text.encode(), digest_size=8).hexdigest()
        return lambda path: [_VERSION, digest, (found := FileStamp.of(path)) and found.as_json()]

    def _load(self) -> ForgeryInferencer:
        if self._inferencer is None:
            loading = {**self.loading, "device": self.loading.get("device") or _own_gpu()}
            try:
                self._inferencer = ForgeryInferencer(self.config, self.checkpoint, **loading)
            except ForgeryToolboxError:
                raise
            except Exception as error:
                # What tells a wrong config from a bug is lost on the way out of a process.
                sentence = explain(error)
                if sentence is None:
                    raise
                raise ConfigError(sentence) from error
        return self._inferencer


def score_files(
    scorer: FileScorer,
    paths: Iterable[str | Path],
    engine: Engine,
    *,
    out: str | Path | None = None,
    shard: Shard = WHOLE,
    resume: bool = True,
    tell: Callable[[Prediction], None] = lambda prediction: None,
) -> list[Prediction]:
    """Return the predictions of files in order; one that cannot be scored has an error.

    Neither a file that ends its process nor one that is not done in time harms another.

    Args:
        scorer: Scores a file.
        paths: Files and folders; a folder stands for the media files in it.
        engine: Where the scorer works.
        out: JSON file for the list of all. Until it is written, predictions are kept as they
            come in a journal beside it, :func:`journal_of` it, so that a stopped run resumes.
        shard: The part of the files to score; a part of them has a journal alone.
        resume: Take over what is in the journal, of this shard and of all others, where neither
            file, model nor settings have changed since; if not, the journal is begun anew.
        tell: Is given each prediction as it comes.

    Raises:
        UnwritableFileError: If ``out`` cannot be written; nothing is scored then.
        ConfigError: If shards have left journals, and ``resume`` is not wanted.
    """
    if out is not None:
        check_writable(out)
    stamp_of = scorer.stamps()
    jobs = [
        Job(str(path), str(path), stamp_of(path))
        for path in expand_folders(paths)
        if shard.has(str(path))
    ]
    places = {id(job): place for place, job in enumerate(jobs)}
    found: list[Prediction] = [{} for _ in jobs]
    path = None if out is None else journal_of(out)
    with _open_journal(path, shard, resume) as journal:
        for result in run_jobs(scorer, jobs, engine, journal):
            prediction = _prediction(scorer, result)
            found[places[id(result.job)]] = prediction
            tell(prediction)
        if out is not None and shard == WHOLE:
            _save(out, found, journal)
            if journal is not None:  # While it is ours: another run may begin one at once.
                journal.path.unlink(missing_ok=True)
    return found


def _save(out: str | Path, found: list[Prediction], journal: Journal | None) -> None:
    try:
        save_predictions(out, found)
    except UnwritableFileError as error:
        if journal is None:
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
    return failed_prediction(result.key, error, *scorer.thresholds_and_caveats).to_json()


def _open_journal(path: Path | None, shard: Shard, resume: bool) -> "Journal | nullcontext[None]":
    if path is None:
        return nullcontext()
    shards = [piece for piece in journal_files(path) if piece != path]
    if shards and shard == WHOLE and not resume:
        raise ConfigError(
            f"A shard has left its scores in '{shards[0]}': delete the file, or take its scores "
            "over with --resume (`resume=True`)."
        )
    return Journal(path, shard, resume=resume)


def _own_gpu() -> str | None:
    """Return the GPU of this process among those of the machine, None in a main process."""
    number = sum(multiprocessing.current_process()._identity)
    num_gpus = torch.cuda.device_count()
    return f"cuda:{(number - 1) % num_gpus}" if number and num_gpus else None
