"""What a run leaves: a JSON file for programs, Markdown for people, held against the goals."""

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.rows import NotMeasuredError, Row
from benchmarks.settings import Settings
from macbdf_mm.utils.environment import processor_name
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table


@dataclass(frozen=True)
class Goal:
    """A limit for one ratio.

    Attributes:
        key: Name by which rows refer to it.
        benchmark: Name of the benchmark whose rows answer it.
        what: What is measured, and against what.
        limit: The ratio that is wanted.
        is_cost: Whether the ratio should stay below the limit, not reach it.
    """

    key: str
    benchmark: str
    what: str
    limit: float
    is_cost: bool = False

    def is_met(self, ratio: float) -> bool:
        """Return whether a ratio is on the right side of the limit."""
        return ratio <= self.limit if self.is_cost else ratio >= self.limit

    def __str__(self) -> str:
        return f"{'<=' if self.is_cost else '>='} {self.limit:g}x"


def describe_environment(num_threads: int) -> dict[str, str]:
    """Return processor, load, GPU, versions, date and command of a run, as text.

    Args:
        num_threads: Threads that the CPU's figures are measured with.
    """
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    clock = "process CPU time" if num_threads == 1 else "wall time"
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Command": " ".join(["python", *sys.argv]),
        "Processor": f"{processor_name()}, {os.cpu_count()} cores, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "Load at the start": load,
        "Threads": f"{num_threads}, {clock}",
        "GPU": ", ".join(gpus) or "none",
        "Versions": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def environment_lines(environment: Mapping[str, str]) -> str:
    """Return an environment as the first lines of a Markdown page."""
    return "".join(f"{name}: {value}  \n" for name, value in environment.items())


def tell(progress: str) -> None:
    """Print to standard error how far the run is."""
    print(progress, file=sys.stderr, flush=True)


@dataclass
class Report:
    """The results of a run.

    Attributes:
        goals: What the rows are held against, in the order in which they are printed.
        environment: Machine, versions and command, as text.
        rows: In the order in which they were measured.
        not_measured: Key of a goal, or name of a benchmark -> why there is no figure.
    """

    goals: Sequence[Goal]
    environment: Mapping[str, str] = field(default_factory=lambda: describe_environment(1))
    rows: list[Row] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, rows: Iterable[Row]) -> None:
        """Add and print the rows of a benchmark as they come, or the reason why there are no more.

        Args:
            name: Of the benchmark.
            rows: May raise ``NotMeasuredError``.
        """
        try:
            for row in rows:
                self.rows.append(row)
                tell(f"{row.what}, {row.setting}: {row.ratio:.2f}x {row.peer}")
        except NotMeasuredError as reason:
            known = {row.goal for row in self.rows}
            own = [goal.key for goal in self.goals if goal.benchmark == name]
            missing = [key for key in own if key not in known]
            self.not_measured |= dict.fromkeys([name, *missing], str(reason))

    def verdict(self, goal: Goal) -> str:
        """Return the ratio of a goal and whether it is met, or why it is not known."""
        row = next((row for row in self.rows if row.goal == goal.key), None)
        if row is None:
            return f"not measured: {self.not_measured.get(goal.key, 'not asked for')}"
        return f"{row.ratio:.3f}x, {'met' if goal.is_met(row.ratio) else 'NOT met'}"

    def as_markdown(self) -> str:
        """Return the environment, the goals and all rows as Markdown."""
        goals = markdown_table(
            ("goal", "wanted", "measured"),
            [(goal.what, str(goal), self.verdict(goal)) for goal in self.goals],
        )
        rows = markdown_table(
            ("what", "setting", "against", "ours", "peer", "ratio", "lowest - highest", "rounds"),
            [_cells(row) for row in self.rows],
        )
        return f"{environment_lines(self.environment)}\n{goals}\n\n{rows}\n"

    def save(self, folder: Path) -> None:
        """Write ``benchmark.json`` and ``benchmark.md``, each as a whole, never half written."""
        content = {
            "environment": dict(self.environment),
            "goals": [asdict(goal) | {"verdict": self.verdict(goal)} for goal in self.goals],
            "rows": [asdict(row) for row in self.rows],
            "not_measured": self.not_measured,
        }
        write_json(content, folder / "benchmark.json")
        write_atomically(self.as_markdown(), folder / "benchmark.md")


def run_all(
    benchmarks: Mapping[str, Callable[[Settings], Iterator[Row]]],
    goals: Sequence[Goal],
    settings: Settings,
    out: Path,
) -> Report:
    """Return the report of some benchmarks.

    Args:
        benchmarks: Name -> what yields the rows, each as soon as it is there; it raises
            ``NotMeasuredError`` for what cannot be measured here.
        goals: What the rows are held against.
        settings: How thoroughly to measure.
        out: Folder for the report, which is written anew after each benchmark, so that a run
            that is stopped leaves what it has.
    """
    torch.set_num_threads(settings.num_threads)
    report = Report(goals, describe_environment(settings.num_threads))
    for name, measure in benchmarks.items():
        report.take(name, measure(settings))
        report.save(out)
    return report


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
