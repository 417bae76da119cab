"""Measure what is done with stored scores: tables, comparison, import, submission, Parquet."""

import csv
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from benchmarks.stored_scores import stored_scores
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.structures.labels import TRACKS, Label
from macbdf_mm.utils.environment import processor_name
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table

_TOOLS = Path(__file__).resolve().parents[1] / "tools"
_COPY = (
    "import sys; from macbdf_mm.evaluation.score_file import read_scores, write_scores; "
    "write_scores(read_scores(sys.argv[1]), sys.argv[2])"
)
# Started by a small process: the kernel counts the memory of the one that starts it as its own.
_MEASURE = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
wall = time.perf_counter() - begin
print(used.ru_utime + used.ru_stime, wall, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Cost:
    """What a command took, in a process of its own.

    Attributes:
        what: The command.
        num_clips: Clips of each score file.
        cpu_seconds: Processor time of the process and its children.
        wall_seconds: Time on the wall.
        peak_gb: Highest resident memory, in 10^9 bytes.
    """

    what: str
    num_clips: int
    cpu_seconds: float
    wall_seconds: float
    peak_gb: float

    def row(self) -> tuple[str, ...]:
        """Return the cost as cells of a table."""
        values = (f"{value:.1f}" for value in (self.cpu_seconds, self.wall_seconds))
        return (self.what, f"{self.num_clips:,}", *values, f"{self.peak_gb:.2f}")


def run_scores(num_clips: int, has_windows: bool, num_resamples: int, seed: int, out: Path) -> str:
    """Return as Markdown what each command costs on files of so many made-up clips.

    Args:
        num_clips: Clips of each file.
        has_windows: Whether the clips have windows and time steps.
        num_resamples: Of the intervals.
        seed: Of the scores.
        out: Folder for the score files, which stay, and for the report.

    Raises:
        ConfigError: If a command fails.
    """
    files = [out / f"{name}.jsonl" for name in ("first", "second")]
    for number, file in enumerate(files):
        scores = stored_scores(num_clips, has_windows, seed + number)
        write_scores(scores, file)
    _write_imports(scores, out)
    del scores  # what this process holds does not count, but has to fit beside the commands
    costs: list[Cost] = []
    environment = (
        f"{processor_name()}, {os.cpu_count()} cores; Python {platform.python_version()}; seed "
        f"{seed}; {'with' if has_windows else 'without'} windows and time steps; {num_resamples:,} "
        "resamples"
    )
    markdown = ""
    for what, call in _calls(out, has_windows, num_resamples):
        costs.append(measure_command(what, num_clips, call))
        head = ("command", "clips", "processor s", "wall s", "GB")
        table = markdown_table(head, [cost.row() for cost in costs])
        markdown = f"{environment}\n\n{table}\n"
        write_atomically(markdown, out / "benchmark.md")
        write_json([asdict(cost) for cost in costs], out / "benchmark.json")
    return markdown


def measure_command(what: str, num_clips: int, call: Sequence[str]) -> Cost:
    """Return what a command costs.

    Raises:
        ConfigError: If it fails; with the end of what it said.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, *call], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(
            f"'{' '.join(call)}' failed with {done.returncode}: {done.stderr[-500:].strip()}"
        )
    cpu_seconds, wall_seconds, peak_kib = map(float, done.stdout.splitlines()[-1].split())
    return Cost(what, num_clips, cpu_seconds, wall_seconds, peak_kib * 1024 / 1e9)


def _calls(out: Path, has_windows: bool, num_resamples: int) -> Iterator[tuple[str, list[str]]]:
    first, second = str(out / "first.jsonl"), str(out / "second.jsonl")
    few = ["--num-resamples", str(num_resamples)]
    parquet, back = str(out / "first.parquet"), str(out / "back.jsonl")
    tools = {
        "score_tables.py --by gender": [first, "--by", "gender", *few],
        "compare.py": [first, second, *few],
        "import_scores.py": [
            str(out / "theirs.csv"), str(out / "annotation.json"), str(out / "theirs.jsonl")
        ],
        "make_submission.py --detection": [
            first, "--layout", "avdeepfake1m", "--missing", "as-real",
            "--detection", str(out / "prediction.txt"),
        ],
    }  # fmt: skip
    if has_windows:
        proposals = ["--layout", "avdeepfake1m", "--localisation", str(out / "submission.json")]
        tools["make_submission.py --localisation"] = [first, *proposals]
    for what, arguments in tools.items():
        script = str(_TOOLS / what.partition(" ")[0])
        yield what, [sys.executable, "-W", "ignore", script, *arguments]
    for what, source, target in (("to", first, parquet), ("from", parquet, back)):
        yield f"{what} Parquet", [sys.executable, "-c", _COPY, source, target]


def _write_imports(scores: ScoreSet, out: Path) -> None:
    """Write the annotation of the clips, and a table of their scores as of another detector."""
    rows = []
    for video in scores.videos:
        label, of_video, of_audio = (cast(Label, video.labels[track]) for track in TRACKS)
        identity = video.groups["identity"]
        rows.append(ClipRow(video.file, label, of_video, of_audio, identity=identity))
    save_annotation(out / "annotation.json", {"dataset": "made up"}, rows)
    with (out / "theirs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "score"))
        writer.writerows((video.file, video.scores["overall"]) for video in scores.scored)
