"""The loss and metric curves that MMEngine's runner logged in a work folder."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Series = list[tuple[float, float]]


@dataclass(frozen=True)
class LoggedCurves:
    """What was logged while training.

    Attributes:
        losses: Name -> (iteration, value) pairs, iterations rising.
        metrics: Name -> (epoch, value) pairs of the validation, epochs rising.
    """

    losses: Mapping[str, Series]
    metrics: Mapping[str, Series]


def read_curves(work_dir: str | Path) -> LoggedCurves:
    """Return the curves of the newest training run in ``work_dir``, resumed parts joined.

    A run that was resumed has logged into several folders; where two of them logged the same
    step, the later one is taken. A run that starts over at its first step hides older ones.

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
        for record in training:
            _keep(losses, record["step"], record, "loss")
        # Testing logs into a folder of its own; only training has epochs to plot against.
        for record in records if training else ():
            if "loss" not in record and "step" in record:
                _keep(metrics, record["step"], record, "")
    return LoggedCurves(*({k: sorted(v.items()) for k, v in c.items()} for c in (losses, metrics)))


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one JSON log, one a line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            # A run that was killed leaves half a line at its end.
            continue
        if isinstance(record, dict):
            yield record


def _keep(
    curves: dict[str, dict[float, float]], step: float, record: Mapping[str, Any], prefix: str
) -> None:
    for name, value in record.items():
        if name != "step" and name.startswith(prefix) and isinstance(value, int | float):
            curves.setdefault(name, {})[step] = float(value)
