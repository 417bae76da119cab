"""Scoring test sets under conditions: a score file each, and none is made twice."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from macbdf_mm.apis.evaluate_model import evaluate_model, write_scores_to
from macbdf_mm.apis.test_sets import TestSet
from macbdf_mm.engine.run_options import metrics_of
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError
from macbdf_mm.evaluation.conditions import Condition
from macbdf_mm.evaluation.score_file import ScoreSet, read_scores
from macbdf_mm.utils.environment import package_versions
from macbdf_mm.utils.files import write_json
from macbdf_mm.utils.progress import Progress

# What reads a clip: behind it there are frames and sound to change.
_READERS = ("DecodeAudioVisual", "ReadCachedInputs")
# All that scores depend on; where they are written and how they are shown does not count.
_PARTS = ("model", "test_dataloader", "test_cfg", "data_preprocessor", "custom_imports")


def score_test_set(
    cfg: Config,
    checkpoint: str | Path,
    test_set: TestSet,
    conditions: Sequence[Condition],
    folder: Path,
    progress: Progress,
    *,
    allow_pickle: bool = False,
) -> Iterator[tuple[Condition, ScoreSet]]:
    """Yield the scores of a test set under each condition.

    Scores that are there, complete, and of the same weights, annotations, config and version are
    read and not made again: what was stopped goes on.

    Args:
        cfg: Config of the model.
        checkpoint: Its weights.
        test_set: The test set.
        conditions: What is done to the clips.
        folder: Where the score files are written, and the logs.
        progress: Told after each condition.
        allow_pickle: Load a checkpoint that holds more than weights, which can run any code.

    Raises:
        ConfigError: If the pipeline of the test set has no place for a condition.
        MissingDataError: If no clip could be read.
    """
    weights = _file_digest(Path(checkpoint))
    progress(test_set.name, 0, len(conditions))
    for number, condition in enumerate(conditions, start=1):
        path = folder / test_set.slug / f"{condition.name}.jsonl"
        cell = copy.deepcopy(cfg)
        cell.test_dataloader = conditioned(test_set.dataloader, condition)
        made_by = {"checkpoint_sha256": weights, **_digests(cell, test_set)}
        scores = _finished(path, made_by)
        if scores is None:
            # The figures are computed from the file.
            for metric in metrics_of(cell.test_evaluator):
                if "num_resamples" in metric or str(metric.get("type")).endswith("ForgeryMetric"):
                    metric["num_resamples"] = 0
            write_scores_to(cell, path)
            cell.work_dir = str(folder / "logs")
            cell.experiment_name = f"{test_set.slug}_{condition.name}"
            cell.log_level = "WARNING"
            shown = {"type": "TestProgressHook", "what": f"{test_set.name}, {condition.title}"}
            cell.custom_hooks = [*(cell.get("custom_hooks") or ()), shown]
            evaluate_model(cell, checkpoint, allow_pickle=allow_pickle)
            write_json(made_by, _stamp_path(path))
            scores = read_scores(path)
        progress(test_set.name, number, len(conditions))
        yield condition, scores


def conditioned(dataloader: ConfigDict, condition: Condition) -> ConfigDict:
    """Return a copy of a loader whose pipelines have the transforms of a condition.

    Raises:
        ConfigError: If a pipeline does not decode.
    """
    changed = copy.deepcopy(dataloader)
    if condition.transforms:
        _insert(changed.dataset, condition)
    return changed


def _insert(dataset: Any, condition: Condition) -> None:
    pipeline = dataset.get("pipeline")
    if pipeline:
        places = [
            place
            for place, part in enumerate(pipeline)
            if str(part.get("type")).rpartition(".")[2] in _READERS
        ]
        if not places:
            raise ConfigError(
                f"The condition '{condition.name}' changes decoded clips, but the test pipeline "
                f"has none of {', '.join(_READERS)}."
            )
        place = places[0] + (condition.place == "after decoding")
        pipeline[place:place] = [ConfigDict(copy.deepcopy(part)) for part in condition.transforms]
    for nested in [dataset.get("dataset"), *(dataset.get("datasets") or ())]:
        if nested:
            _insert(nested, condition)


def _digests(cfg: Config, test_set: TestSet) -> dict[str, Any]:
    parts = {name: cfg.get(name) for name in _PARTS}
    metrics = [
        {key: value for key, value in metric.items() if key not in ("out_file", "num_resamples")}
        for metric in metrics_of(cfg.test_evaluator)
    ]
    text = json.dumps([parts, metrics], sort_keys=True, default=str)
    return {
        "annotations_sha256": [_file_digest(path) for path in test_set.annotations],
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "macbdf_mm": package_versions().get("macbdf_mm"),
    }


def _finished(path: Path, made_by: dict[str, Any]) -> ScoreSet | None:
    """Return the scores of a file that was finished with these digests, None if there is none."""
    try:
        if json.loads(_stamp_path(path).read_text(encoding="utf-8")) != made_by:
            return None
        return read_scores(path)
    except (OSError, ValueError, MissingDataError, AnnotationError):
        return None


def _stamp_path(path: Path) -> Path:
    return path.with_suffix(".made_by.json")


def _file_digest(path: Path) -> str:
    if not path.is_file():
        raise MissingDataError(f"'{path}' does not exist.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
