"""A trained detector on several test sets: all tables, masked tracks, probes and robustness."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.load_model import load_checkpoint, trained_on_synthetic
from macbdf_mm.apis.score_test_sets import conditioned, score_test_set
from macbdf_mm.apis.test_sets import TestSet, find_test_sets, limited
from macbdf_mm.apis.wrong_inputs import WrongInputs
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.evaluation.condition_deltas import condition_deltas
from macbdf_mm.evaluation.conditions import (
    AS_IS,
    MASKED,
    PROBES,
    Condition,
    corruption_conditions,
)
from macbdf_mm.evaluation.scored_clips import MissingPolicy, fill_missing
from macbdf_mm.reports.evaluation_record import EvaluationFacts, TestSetResult
from macbdf_mm.reports.evaluation_report import STEM, write_evaluation
from macbdf_mm.utils.environment import command_line, package_versions
from macbdf_mm.utils.files import check_writable, folder_lock
from macbdf_mm.utils.progress import ProgressLine


@dataclass(frozen=True)
class EvaluationOptions:
    """What is evaluated, and how.

    Attributes:
        robustness: Names of corruptions, empty for all; None for no robustness.
        has_probes: Whether tracks are masked and shortcuts are probed.
        limit: Only so many clips of each data set; None for all.
        missing: Policy for clips without a score.
        columns: Further columns by which figures are broken down, where a test set has them.
        num_resamples: Of the intervals.
        seed: Of the choice of a few clips, and of the resamples of differences.
        beside: Folders, or their ``evaluation.json``, of evaluations of other detectors, whose rows
            stand in the matrix as well.
    """

    robustness: Sequence[str] | None = None
    has_probes: bool = True
    limit: int | None = None
    missing: MissingPolicy = "exclude"
    columns: Sequence[str] = ()
    num_resamples: int = 1000
    seed: int = 0
    beside: Sequence[str | Path] = ()


def evaluate_test_sets(
    cfg: Config,
    checkpoint: str | Path,
    data: Sequence[str],
    out: str | Path,
    options: EvaluationOptions | None = None,
    *,
    allow_pickle: bool = False,
) -> list[Path]:
    """Return the paths of the JSON, Markdown and HTML that were written.

    What was scored before with the same digests is not scored again, so the same command goes on
    where it was stopped. All inputs are looked at before a model is built, and what is wrong with
    them is said at once.

    Args:
        cfg: Config of the detector; its test set comes first.
        checkpoint: Its weights.
        data: Further test sets, see :func:`~macbdf_mm.apis.test_sets.find_test_sets`.
        out: Folder to write to.
        options: What is evaluated.
        allow_pickle: Load a checkpoint that holds more than weights, which can run any code.

    Raises:
        ConfigError: If an option or a config does not fit.
        MissingDataError: If a test set, the checkpoint or an evaluation is not there.
        WrongInputsError: If several inputs are wrong.
    """
    options = options or EvaluationOptions()
    folder = Path(out)
    conditions: list[Condition] = []
    beside: list[dict[str, Any]] = []
    test_sets: list[TestSet] = []
    meta: Mapping[str, Any] = {}
    wrong = WrongInputs()
    with wrong.noted():
        if options.limit is not None and options.limit < 2:
            raise ConfigError(f"Expected `--limit` of 2 or more clips, got {options.limit}.")
    with wrong.noted():
        if options.num_resamples < 1:
            raise ConfigError(
                f"Expected `--num-resamples` of 1 or more, got {options.num_resamples}."
            )
    with wrong.noted():
        conditions = _conditions(options)
    for place in options.beside:
        with wrong.noted():
            beside += read_matrix(place)
    with wrong.noted():
        check_writable(folder / f"{STEM}.json")
    with wrong.noted():
        test_sets = find_test_sets(cfg, data)
        _refuse_unknown_columns(options.columns, test_sets)
    for test_set in test_sets:
        with wrong.noted():
            for condition in conditions:
                conditioned(test_set.dataloader, condition)
    with wrong.noted():
        meta = load_checkpoint(checkpoint, allow_pickle=allow_pickle)
    wrong.refuse()
    refusal = f"Another evaluation is being written to '{folder}'; wait for it, or choose --out."
    with folder_lock(folder, refusal):
        results = []
        for test_set in test_sets:
            chosen = test_set
            if options.limit is not None:
                chosen = limited(test_set, options.limit, folder / "subsets", options.seed)
            results.append(
                _evaluate(cfg, checkpoint, chosen, conditions, folder, options, allow_pickle)
            )
        facts = EvaluationFacts(
            config=str(cfg.filename),
            checkpoint=str(checkpoint),
            trained_on=_trained_on(meta),
            trained_on_synthetic=trained_on_synthetic(meta),
            command=command_line(),
            missing=options.missing,
            columns=tuple(options.columns),
            num_resamples=options.num_resamples,
            seed=options.seed,
            limit=options.limit,
            versions=package_versions(),
        )
        return write_evaluation(folder, facts, results, beside)


def read_matrix(place: str | Path) -> list[dict[str, Any]]:
    """Return the rows of the matrix of another evaluation.

    Args:
        place: Its folder, or its ``evaluation.json``.

    Raises:
        MissingDataError: If there is none.
    """
    path = Path(place)
    path = path / f"{STEM}.json" if path.is_dir() else path
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["matrix"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingDataError(
            f"No evaluation at '{path}' ({type(error).__name__}); write it with `macbdf evaluate`."
        ) from error
    return rows


def _conditions(options: EvaluationOptions) -> list[Condition]:
    conditions = [AS_IS]
    if options.has_probes:
        conditions += [*MASKED, *PROBES]
    if options.robustness is not None:
        conditions += corruption_conditions(options.robustness)
    return conditions


def _refuse_unknown_columns(columns: Sequence[str], test_sets: Sequence[TestSet]) -> None:
    known = sorted(frozenset().union(*(test_set.columns for test_set in test_sets)))
    if unknown := [column for column in columns if column not in known]:
        raise ConfigError(
            f"No test set has a column '{unknown[0]}' for --by; there are {', '.join(known)}."
        )


def _evaluate(
    cfg: Config,
    checkpoint: str | Path,
    test_set: TestSet,
    conditions: Sequence[Condition],
    folder: Path,
    options: EvaluationOptions,
    allow_pickle: bool,
) -> TestSetResult:
    own = copy.deepcopy(cfg)
    scored = score_test_set(
        own,
        checkpoint,
        test_set,
        conditions,
        folder / "scores",
        ProgressLine("conditions"),
        allow_pickle=allow_pickle,
    )
    _, as_is = next(scored)
    before = fill_missing(as_is.videos, options.missing)
    deltas = []
    for condition, scores in scored:
        deltas += condition_deltas(
            before,
            fill_missing(scores.videos, options.missing),
            condition,
            as_is.thresholds,
            options.num_resamples,
            options.seed,
        )
    return TestSetResult(test_set.name, test_set.dataset, test_set.is_synthetic, as_is, deltas)


def _trained_on(checkpoint: Mapping[str, Any]) -> str | None:
    meta = checkpoint.get("meta")
    training_data = meta.get("training_data") if isinstance(meta, Mapping) else None
    name = training_data.get("dataset") if isinstance(training_data, Mapping) else None
    return name if isinstance(name, str) else None
