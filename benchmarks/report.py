"""What a run of the benchmarks leaves: a JSON file for programs, a Markdown table for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.goal import GOALS, Goal
from benchmarks.markdown_table import markdown_table
from benchmarks.row import Row
from macbdf_mm.engine.atomic_backend import write_atomically


@dataclass
class Report:
    """The results of a run.

    Attributes:
        environment: Machine, versions and command, as text.
        rows: In the order in which they were measured.
        not_measured: Key of a goal, or name of a benchmark -> why there is no figure.
        goals: What the rows are held against, in the order in which they are printed.
    """

    environment: Mapping[str, str]
    rows: list[Row] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)
    goals: Sequence[Goal] = GOALS

    def has(self, goal: str) -> bool:
        """Return whether the ratio of a goal was measured."""
        return any(row.goal == goal for row in self.rows)

    def verdict(self, goal: Goal) -> str:
        """Return the ratio of a goal and whether it is met, or why it is not known."""
        row = next((row for row in self.rows if row.goal == goal.key), None)
        if row is None:
            return f"not measured: {self.not_measured.get(goal.key, 'not asked for')}"
        return f"{row.ratio:.3f}x, {'met' if goal.is_met(row.ratio) else 'NOT met'}"

    def as_dict(self) -> dict[str, object]:
        """Return what the JSON file holds."""
        return {
            "environment": dict(self.environment),
            "goals": [asdict(goal) | {"verdict": self.verdict(goal)} for goal in self.goals],
            "rows": [asdict(row) for row in self.rows],
            "not_measured": self.not_measured,
        }

    def as_markdown(self) -> str:
        """Return the environment, the goals and all rows as Markdown."""
        environment = [f"{name}: {value}  " for name, value in self.environment.items()]
        goals = markdown_table(
            ("goal", "wanted", "measured"),
            [(goal.what, str(goal), self.verdict(goal)) for goal in self.goals],
        )
        rows = markdown_table(
            ("what", "setting", "against", "ours", "peer", "ratio", "lowest - highest", "rounds"),
            [_cells(row) for row in self.rows],
        )
        return "\n".join([*environment, "", goals, "", rows]) + "\n"

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write ``benchmark.json`` and ``benchmark.md`` and return their paths.

        Each is replaced as a whole, never half written.
        """
        paths = folder / "benchmark.json", folder / "benchmark.md"
        texts = json.dumps(self.as_dict(), indent=1) + "\n", self.as_markdown()
        for path, text in zip(paths, texts, strict=True):
            write_atomically(text.encode(), path)
        return paths


def _cells(row: Row) -> tuple[str, ...]:
    cost = " (cost)" if row.is_cost else ""
    return (
        row.what,
        row.setting,
        row.peer,
        f"{row.value:.3g} {row.unit}",
        f"{row.peer_value:.3g} {row.unit}",
        f"{row.ratio:.2f}x{cost}",
        f"{row.lowest:.2f} - {row.highest:.2f}",
        str(row.num_rounds),
    )
