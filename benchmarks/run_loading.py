"""Measure loading: reading, memory, prepared crops, workers."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.cores_needed import cores_table
from benchmarks.decoding import measure_decoding
from benchmarks.environment import describe_environment
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.goal import LOADING_GOALS
from benchmarks.memory_growth import measure_growth
from benchmarks.not_measured import NotMeasuredError
from benchmarks.prepared_crops import measure_prepared_crops
from benchmarks.report import Report
from benchmarks.row import Row
from benchmarks.settings import Settings
from benchmarks.workers import measure_workers
from macbdf_mm.engine.atomic_backend import write_atomically

_NUM_GROWTH_CLIPS = 400
_NUM_QUICK_GROWTH_CLIPS = 80


def run_loading(
    settings: Settings,
    out: Path | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
    on_part: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[Report, str]:
    """Return the report on loading, and as Markdown the report with the arithmetic on cores.

    Args:
        settings: How thoroughly to measure.
        out: Folder for the report, which is written anew after each part, so that a run that
            is stopped leaves what it has.
        on_row: Called with each row as soon as it is measured.
        on_part: Called with what is measured at length, how many clips are done, of how many.
    """
    torch.set_num_threads(settings.num_threads)
    report = Report(describe_environment(settings.num_threads), goals=LOADING_GOALS)
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "decoding": lambda: measure_decoding(settings),
        "crops": lambda: measure_prepared_crops(settings),
        "workers": lambda: measure_workers(settings),
        "memory_growth": lambda: _measure_growth(settings, on_part),
    }
    for name, measure in parts.items():
        try:
            for row in measure():
                report.rows.append(row)
                on_row(row)
        except NotMeasuredError as reason:
            report.not_measured[name] = str(reason)
        if out is not None:
            report.save(out)
    markdown = f"{report.as_markdown()}\n{cores_table(_costs(report.rows))}\n"
    if out is not None:
        write_atomically(markdown.encode(), out / "benchmark.md")
    return report, markdown


def _measure_growth(settings: Settings, on_part: Callable[[str, int, int], None]) -> Iterator[Row]:
    num_clips = _NUM_QUICK_GROWTH_CLIPS if settings.is_quick else _NUM_GROWTH_CLIPS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filmed.mp4"
        write_filmed_clip(path, 10.0, (480, 854), settings.seed)
        yield from measure_growth(path, num_clips, settings.seed, on_part)


def _costs(rows: list[Row]) -> list[tuple[str, float]]:
    """Return the ways of loading of which a row states the milliseconds."""
    ways = [(f"{row.what} ({row.setting.partition(', file')[0]})", row.value) for row in rows
            if row.unit == "ms" and "child" not in row.what]  # fmt: skip
    stock = [(f"{row.peer} ({row.setting.partition(', frames')[0]})", row.peer_value)
             for row in rows if row.goal in ("decode_250", "decode_25")]  # fmt: skip
    return [*stock, *ways]
