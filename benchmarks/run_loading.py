"""Measure loading: reading, memory, prepared crops, workers."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.crops import CROP_GOALS, measure_prepared_crops
from benchmarks.decoding import DECODING_GOALS, measure_decoding
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.memory import measure_growth
from benchmarks.report import Goal, run_all
from benchmarks.rows import Row
from benchmarks.settings import Settings
from benchmarks.workers import measure_workers
from macbdf_mm.utils.files import write_atomically
from macbdf_mm.utils.tables import markdown_table

LOADING_GOALS = (
    *DECODING_GOALS,
    Goal("memory_growth", "memory_growth", "memory growth a clip / 30 kB", 1.0, is_cost=True),
    *CROP_GOALS,
)
# Rates at which a GPU may take clips.
CLIPS_A_SECOND = (50, 100, 200, 400, 800)

_NUM_GROWTH_CLIPS = 400
_NUM_QUICK_GROWTH_CLIPS = 80


def run_loading(settings: Settings, out: Path) -> str:
    """Return as Markdown the report on loading with the arithmetic on cores.

    Args:
        settings: How thoroughly to measure.
        out: Folder for the report.
    """
    parts = {
        "decoding": measure_decoding,
        "crops": measure_prepared_crops,
        "workers": measure_workers,
        "memory_growth": _measure_growth,
    }
    report = run_all(parts, LOADING_GOALS, settings, out)
    markdown = f"{report.as_markdown()}\n{cores_table(_costs(report.rows))}\n"
    write_atomically(markdown, out / "benchmark.md")
    return markdown


def _measure_growth(settings: Settings) -> Iterator[Row]:
    num_clips = _NUM_QUICK_GROWTH_CLIPS if settings.is_quick else _NUM_GROWTH_CLIPS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filmed.mp4"
        write_filmed_clip(path, 10.0, (480, 854), settings.seed)
        yield from measure_growth(path, num_clips, settings.seed)


def _costs(rows: list[Row]) -> list[tuple[str, float]]:
    """Return the ways of loading of which a row states the milliseconds."""
    ways = [(f"{row.what} ({row.setting.partition(', file')[0]})", row.value) for row in rows
            if row.unit == "ms" and "child" not in row.what]  # fmt: skip
    stock = [(f"{row.peer} ({row.setting.partition(', frames')[0]})", row.peer_value)
             for row in rows if row.goal in ("decode_250", "decode_25")]  # fmt: skip
    return [*stock, *ways]


def cores_needed(milliseconds: float, clips_a_second: float) -> int:
    """Return how many cores load clips as fast as they are taken.

    Args:
        milliseconds: Processor time of one clip, with all its transforms.
        clips_a_second: How many are taken.
    """
    # Rounded first: 0.01 s times 100 is not quite 1 in floating point.
    return math.ceil(round(milliseconds * clips_a_second / 1000, 6))


def cores_table(ways: Sequence[tuple[str, float]]) -> str:
    """Return the arithmetic as Markdown, labelled so.

    Args:
        ways: Of loading: their names, and the processor milliseconds of one clip.
    """
    rows = [
        (name, f"{cost:.1f}", *(str(cores_needed(cost, rate)) for rate in CLIPS_A_SECOND))
        for name, cost in ways
    ]
    head = ("way of loading", "ms a clip", *(f"{rate} clips/s" for rate in CLIPS_A_SECOND))
    return (
        "Cores that a GPU needs beside it to be fed at so many clips a second. This is arithmetic "
        "(milliseconds of a clip times clips a second), not a measurement: no GPU was fed.\n\n"
        + markdown_table(head, rows)
    )
