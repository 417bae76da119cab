"""What a run leaves: a JSON file for programs, Markdown for people, held against the goals."""

import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.rows import NotMeasuredError, Row
from macbdf_mm.utils.environment import processor_name
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table


@dataclass(frozen=True)
class Goal:
    """A limit for one ratio.

    Attributes:
        key: Name by which rows refer to it.
        what: What is measured, and against what.
        limit: The ratio that is wanted.
        is_cost: Whether the ratio should stay below the limit, not reach it.
    """

    key: str
    what: str
    limit: float
    is_cost: bool = False

    def is_met(self, ratio: float) -> bool:
        """Return whether a ratio is on the right side of the limit."""
        return ratio <= self.limit if self.is_cost else ratio >= self.limit

    def __str__(self) -> str:
        return f"{'<=' if self.is_cost else '>='} {self.limit:g}x"


# In the order in which they are printed.
GOALS = (
    Goal(
        "depthwise_set",
        "depthwise set, forward + backward, contiguous / nn.Conv3d",
        10.0,
    ),
    Goal("never_slower", "depthwise, the least favourable case tried / stock", 0.95),
    Goal("forward_dilation_1", "depthwise forward of dilation 1 / stock", 0.95),
    Goal("dilated_2d", "2-D dilated depthwise, forward + backward, B=8 / nn.Conv2d", 2.0),
    Goal("block", "video block, forward + backward / stock layers", 7.0),
    Goal("block_forward", "video block, forward / stock layers", 4.0),
    Goal("towers", "towers, forward + backward / stock layers", 6.0),
    Goal("step", "training step / stock layers, both with fused attention", 1.5),
    Goal("step_explicit", "training step / stock layers, explicit attention", 2.0),
    Goal("step_memory", "peak memory of a training step / stock layers", 1.0, is_cost=True),
    Goal("om_pareto", "OM-Pareto step / plain step", 1.75, is_cost=True),
    Goal("om_pareto_memory", "peak memory of the OM-Pareto step / plain", 1.3, is_cost=True),
    Goal("decode_250", "reading frames and sound, GOP 250 / mmaction2 with decord", 1.5),
    Goal("decode_25", "reading frames and sound, GOP 25 / mmaction2 with decord", 1.4),
    Goal("gpu_blocks", "GPU: six video blocks, bfloat16, B=16 / stock layers", 10.0),
    Goal("gpu_step", "GPU: training step, bfloat16 / stock layers", 3.0),
)

# Of loading alone, see `run_loading`.
LOADING_GOALS = (
    *(goal for goal in GOALS if goal.key.startswith("decode_")),
    Goal("memory_growth", "memory growth a clip / 30 kB", 1.0, is_cost=True),
    Goal("crops_mp4", "prepared mp4 crops / full frames, 480p", 8.0),
    Goal("crops_jpeg", "prepared JPEG crops / full frames, 480p", 40.0),
)


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

    def take(
        self,
        name: str,
        rows: Iterable[Row],
        goals: Sequence[str] = (),
        on_row: Callable[[Row], None] = lambda row: None,
    ) -> None:
        """Add the rows of a benchmark as they come, or the reason why there are no more.

        Args:
            name: Of the benchmark.
            rows: May raise ``NotMeasuredError``.
            goals: Keys of the goals that the rows answer.
            on_row: Called with each row as soon as it is measured.
        """
        try:
            for row in rows:
                self.rows.append(row)
                on_row(row)
        except NotMeasuredError as reason:
            known = {row.goal for row in self.rows}
            missing = [goal for goal in goals if goal not in known]
            self.not_measured |= dict.fromkeys([name, *missing], str(reason))

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
        data, table = folder / "benchmark.json", folder / "benchmark.md"
        write_json(self.as_dict(), data)
        write_atomically(self.as_markdown(), table)
        return data, table


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
