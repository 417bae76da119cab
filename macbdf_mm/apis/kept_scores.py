"""The scores of a test, kept as they are made: a stopped test goes on, and shards make one."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.runner import Runner, TestLoop
from torch.utils.data import BatchSampler

from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.utils.files import FileStamp, check_writable, take_lock
from macbdf_mm.utils.journal import Journal, journal_files
from macbdf_mm.utils.shard import WHOLE, Shard

# Counted up when scores of before must not be taken for those of now.
_VERSION = 1
# The key of the entry that a journal begins with.
_MADE_BY = "made by"
# How clips are loaded changes no score, so a stopped test may go on with fewer workers.
_LOADING = ("num_workers", "persistent_workers", "prefetch_factor", "pin_memory", "timeout")


@dataclass(frozen=True)
class Batch:
    """A batch of a test.

    Attributes:
        number: Its place in the test.
        items: Its items of the data set.
        stamp: What its scores depend on.
    """

    number: int
    items: range
    stamp: Any


@contextmanager
def keeping_scores(
    runner: Runner, origin: Mapping[str, Any] | None, shard: Shard = WHOLE
) -> Iterator[None]:
    """Keep what a runner's test finds, batch by batch, and take over what is there already.

    The batches are those of one process, whatever the number of processes and shards, so that a
    test that was stopped, or divided, gives the same bytes as one that was not; each is scored by
    one process, and none twice. The journal stands beside the score file, and its name has the
    digest of what the scores are made by: another model never goes on with them. It is deleted
    when the score file is written, by the run without a shard.

    A test is not kept if it writes no score file, has metrics other than ``ForgeryMetric``, which
    would miss what is taken over, or does not go through its clips in their order.

    Args:
        runner: Its test is run inside of the block.
        origin: As :func:`~macbdf_mm.apis.score_origin.score_origin` returns it; None if the test
            writes no score file.
        shard: The part of the batches to score. A part is scored and kept, and has no figures.

    Raises:
        ConfigError: If a shard is asked of a test that cannot be kept, parts were made by another
            model, config or data, or a process is still writing a part.
        UnwritableFileError: If the score file or the journal cannot be written.
    """
    obstacle = _obstacle(runner)
    if origin is None or obstacle is not None:
        if shard != WHOLE:
            raise ConfigError(
                f"A part of a test cannot be kept where {obstacle or 'no score file is written'}."
            )
        if origin is not None:
            MMLogger.get_current_instance().warning(
                f"Scores are not kept on the way, because {obstacle}: a stopped test begins anew."
            )
        yield
        return
    loop = runner.test_loop
    loader: Any = loop.dataloader
    metrics = loop.evaluator.metrics
    out = Path(next(metric.out_file for metric in metrics if metric.out_file))
    check_writable(out)
    made_by = _made_by(runner, origin)
    path = journal_path(out, made_by)
    rank, num_ranks = get_dist_info()
    piece = Shard((shard.index - 1) * num_ranks + rank + 1, shard.count * num_ranks)
    if shard == WHOLE:
        _refuse_running(path, num_ranks)
    num_batches = -(-len(loader.dataset) // loader.batch_size)
    numbers = [number for number in range(num_batches) if shard.has(str(number))]
    own = [_batch(loader, number, made_by) for number in numbers[rank::num_ranks]]
    with Journal(path, piece) as journal:
        if journal.path.stat().st_size == 0:
            journal.add(_MADE_BY, None, {"status": "done", "value": made_by})
        kept = {batch.number: _kept(journal, batch) for batch in own}
        left = [batch for batch in own if kept[batch.number] is None]
        if left:
            _judge_others(out, path, made_by, shard)
        if len(left) < len(own):
            share = f" of process {rank + 1}" if num_ranks > 1 else ""
            MMLogger.get_current_instance().info(
                f"{len(own) - len(left)} of {len(own)} batches{share} were scored before and are "
                f"taken over from {path}; {len(left)} are left."
            )
        for metric in metrics if shard == WHOLE else ():
            metric.results.extend(
                window for found in kept.values() if found is not None for window in found
            )
        kept.clear()
        # Only the last batch is shorter than the others: these indices make the same batches.
        loader.batch_sampler.sampler = [item for batch in left for item in batch.items]
        loop.evaluator = _KeepingEvaluator(metrics, journal, left, shard)
        yield
    if shard == WHOLE and is_main_process():
        for file in journal_files(path):
            file.unlink(missing_ok=True)


def journal_path(out: Path, made_by: Mapping[str, Any]) -> Path:
    """Return where the scores of a score file are kept until it is written."""
    return out.with_name(f"{out.stem}.{_digest(made_by)}.journal.jsonl")


def _digest(made_by: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(made_by, sort_keys=True).encode(), digest_size=8).hexdigest()


class _KeepingEvaluator(Evaluator):
    """Writes the windows of each batch into a journal; a shard has no figures.

    Args:
        metrics: Each has all windows.
        journal: Open for adding.
        batches: The batches that come, in their order.
        shard: The part that is tested.
    """

    def __init__(
        self,
        metrics: Sequence[ForgeryMetric],
        journal: Journal,
        batches: Iterable[Batch],
        shard: Shard,
    ) -> None:
        super().__init__(list(metrics))
        self._journal = journal
        self._batches = iter(batches)
        self._is_whole = shard == WHOLE

    def process(self, data_samples: Sequence[Any], data_batch: Any = None) -> None:
        batch = next(self._batches)
        first = self.metrics[0]
        begin = len(first.results)
        super().process(data_samples, data_batch)
        windows = first.results[begin:]
        # What could not be read is tried again: the machine may have been the cause.
        is_read = all(window.decode_error is None for window in windows)
        entry = {
            "status": "done" if is_read else "failed",
            "value": [window_to_json(window) for window in windows],
        }
        self._journal.add(str(batch.number), batch.stamp, entry)
        if not self._is_whole:
            for metric in self.metrics:
                metric.results.clear()

    def evaluate(self, size: int) -> dict[str, float]:
        if not self._is_whole:
            return {}
        try:
            figures: dict[str, float] = super().evaluate(size)
        except UnwritableFileError as error:
            raise UnwritableFileError(
                f"{error} All scores are kept in {self._journal.path}; the same command takes them "
                "over."
            ) from error
        return figures


def window_to_json(window: WindowScores) -> dict[str, Any]:
    """Return a window as plain values, from which :func:`window_from_json` makes the same one."""
    found = {field.name: getattr(window, field.name) for field in fields(window)}
    found["steps"] = {
        track: [steps.scores.tolist(), steps.labels.tolist()]
        for track, steps in window.steps.items()
    }
    return found


def window_from_json(found: Mapping[str, Any]) -> WindowScores:
    """Return the window of plain values."""
    return WindowScores(
        **{
            **found,
            "span_seconds": tuple(found["span_seconds"]),
            "scores": tuple(found["scores"]),
            "labels": tuple(found["labels"]),
            "steps": {
                track: StepScores(np.array(scores, np.float64), np.array(labels, np.int64))
                for track, (scores, labels) in found["steps"].items()
            },
            "forgeries": {
                track: tuple((start, end) for start, end in intervals)
                for track, intervals in found["forgeries"].items()
            },
        }
    )


def _obstacle(runner: Runner) -> str | None:
    """Return why the scores of a test cannot be kept, None if they can."""
    loop = runner.test_loop
    if type(loop) is not TestLoop or type(loop.evaluator) is not Evaluator:
        return "the test loop or the evaluator is not MMEngine's own"
    for metric in loop.evaluator.metrics:
        if getattr(type(metric), "process", None) is not ForgeryMetric.process:
            return f"{type(metric).__name__} needs all predictions of one run"
    loader = loop.dataloader
    batches = loader.batch_sampler
    if (
        type(batches) is not BatchSampler
        or type(batches.sampler) is not DefaultSampler
        or batches.drop_last
        or not hasattr(loader.dataset, "get_data_info")
    ):
        return "the test data have a sampler of their own, or do not say what their items are"
    return None


def _made_by(runner: Runner, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return digests of what the scores of all batches depend on."""
    cfg = runner.cfg
    loader = {key: value for key, value in cfg.test_dataloader.items() if key not in _LOADING}
    parts = {name: cfg.get(name) for name in ("model", "test_cfg", "data_preprocessor")}
    env = cfg.get("env_cfg") or {}
    further = [loader, cfg.get("custom_imports"), env.get("allow_tf32"), _VERSION]
    text = json.dumps([parts, further], sort_keys=True, default=str)
    return {
        "weights": origin["weights_sha256"],
        "config": blake2b(text.encode(), digest_size=32).hexdigest(),
        "annotations": sorted(origin["annotations"].values()),
        "clips": origin["split_sha256"],
        "versions": dict(origin["versions"]),
    }


def _batch(loader: Any, number: int, made_by: Mapping[str, Any]) -> Batch:
    size, dataset = loader.batch_size, loader.dataset
    items = range(number * size, min((number + 1) * size, len(dataset)))
    paths = dict.fromkeys(dataset.get_data_info(item).get("path") for item in items)
    stamps = [FileStamp.of(path) if path else None for path in paths]
    return Batch(number, items, [_digest(made_by), [stamp and stamp.as_json() for stamp in stamps]])


def _kept(journal: Journal, batch: Batch) -> list[WindowScores] | None:
    entry = journal.find(str(batch.number), batch.stamp)
    if entry is None or entry["status"] != "done":
        return None
    return [window_from_json(found) for found in entry["value"]]


def _refuse_running(path: Path, num_ranks: int) -> None:
    """Refuse to put parts together while a process is writing one."""
    own = [
        Journal(path, Shard(rank + 1, num_ranks), resume=False).path for rank in range(num_ranks)
    ]
    for file in journal_files(path):
        if file not in own:
            with file.open("rb") as opened:
                refusal = f"A process is writing {file}: wait until that part of the test is done."
                take_lock(opened.fileno(), refusal, is_shared=True)


def _judge_others(out: Path, path: Path, made_by: Mapping[str, Any], shard: Shard) -> None:
    """Warn of journals of other weights and so on, and refuse to complete parts of them."""
    own = journal_files(path)
    for file in sorted(out.parent.glob(f"{out.stem}.*.journal*.jsonl")):
        if file in own:
            continue
        found = _begins_with(file)
        differing = [name for name, value in made_by.items() if found.get(name) != value]
        said = f"{file} has scores of other {' and '.join(differing)}"
        if shard == WHOLE and "-of-" in file.name:
            raise ConfigError(
                f"{said}, so it is no part of this test: score that part again with those of this "
                "command, or delete the file."
            )
        MMLogger.get_current_instance().warning(
            f"{said}, of a test that was stopped; they are not used. Delete it if that test is not "
            "to go on."
        )


def _begins_with(file: Path) -> Mapping[str, Any]:
    try:
        with file.open(encoding="utf-8") as lines:
            found: Any = json.loads(next(lines))["value"]
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        found = None
    return found if isinstance(found, Mapping) else {}
