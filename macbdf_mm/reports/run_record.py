"""All that a report says of a run, and the curves that the run logged in its work folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.score_file import ScoreSet

Series = list[tuple[float, float]]

# As OMParetoLogHook names its values. Importing it would load torch, which a plot can do without.
_OM_PARETO = "om_pareto"


@dataclass(frozen=True)
class RunRecord:
    """The inputs of a report; :func:`macbdf_mm.apis.find_run.read_run` fills it.

    Attributes:
        work_dir: The folder of the run.
        config: The config that the runner saved there.
        checkpoint: The checkpoint that predictions would use.
        meta: The checkpoint's own notes: epoch, seed, training data.
        curves: Losses and validation metrics, as :func:`read_curves` returns them.
        scores: Scores of the tested clips.
        rows: Annotation rows of the tested split, by file.
        media_root: The folder that the files are relative to.
        dataset: Name of the data set.
        train_rows: Annotation rows of the training split.
        is_synthetic: Whether the data are rendered; None if nothing says so.
        versions: Python and the packages in use, name -> version.
    """

    work_dir: Path
    config: Path
    checkpoint: Path
    meta: Mapping[str, Any]
    curves: tuple[Mapping[str, Series], Mapping[str, Series]]
    scores: ScoreSet
    rows: Mapping[str, ClipRow]
    media_root: Path
    dataset: str
    train_rows: Sequence[ClipRow]
    is_synthetic: bool | None
    versions: Mapping[str, str]


def read_curves(work_dir: str | Path) -> tuple[dict[str, Series], dict[str, Series]]:
    """Return the curves of the newest training run in ``work_dir``, resumed parts joined.

    Losses, name -> (iteration, value) pairs, and validation metrics, name -> (epoch, value) pairs;
    iterations and epochs rise. A run that was resumed has logged into several folders; where two
    of them logged the same step, the later one is taken. A run that starts over at its first step
    hides older ones.

    Args:
        work_dir: The folder that the runner wrote to; without logs all curves are empty.
    """
    losses: dict[str, dict[float, float]] = {}
    metrics: dict[str, dict[float, float]] = {}
    # The folders are named after the time at which each run began.
    for path in sorted(Path(work_dir).glob("*/vis_data/scalars.json")):
        records = list(read_records(path))
        training = [record for record in records if "loss" in record]
        if training and training[0].get("epoch") == 1:
            losses, metrics = {}, {}
        # Testing logs into a folder of its own; only training has epochs to plot against.
        for record in records if training else ():
            if "loss" in record:
                _keep(losses, record, "loss")
            elif "step" in record:
                _keep(metrics, record, "")
    return _by_step(losses), _by_step(metrics)


def read_om_pareto_curves(log: str | Path) -> dict[str, dict[str, Series]]:
    """Return encoder -> quantity -> (iteration, value) pairs of a log, iterations rising.

    The parts of a resumed run are joined; of an iteration that two of them logged, the later
    counts.

    Args:
        log: A JSON log, as ``vis_data/scalars.json``, or the folder of a run.

    Raises:
        MissingDataError: If there is no log, or none that ``OMParetoLogHook`` wrote to.
    """
    points: dict[str, dict[str, dict[float, float]]] = {}
    for path in _log_files(Path(log)):
        for record in read_records(path):
            for name, value in record.items():
                prefix, _, rest = name.partition("/")
                encoder, _, quantity = rest.rpartition("/")
                if prefix == _OM_PARETO:
                    series = points.setdefault(encoder, {}).setdefault(quantity, {})
                    series[record["step"]] = float(value)
    if not points:
        raise MissingDataError(
            f"Log '{log}' holds no '{_OM_PARETO}/...' values: train with an OMParetoOptimWrapper "
            "and the hook OMParetoLogHook."
        )
    return {encoder: _by_step(quantities) for encoder, quantities in points.items()}


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one JSON log, one per line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            # A run that was killed leaves half a line at its end.
            continue
        if isinstance(record, dict):
            yield record


def _log_files(log: Path) -> list[Path]:
    # The folders inside a run's folder are named after the time at which each part began.
    files = [log] if log.is_file() else sorted(log.rglob("scalars.json"))
    if not files:
        raise MissingDataError(f"'{log}' is no log and no folder with a 'scalars.json' in it.")
    return files


def _keep(curves: dict[str, dict[float, float]], record: Mapping[str, Any], prefix: str) -> None:
    for name, value in record.items():
        if name != "step" and name.startswith(prefix) and isinstance(value, int | float):
            curves.setdefault(name, {})[record["step"]] = float(value)


def _by_step(curves: Mapping[str, Mapping[float, float]]) -> dict[str, Series]:
    return {name: sorted(points.items()) for name, points in curves.items()}
