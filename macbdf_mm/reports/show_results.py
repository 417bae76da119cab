"""A table of every tested video, and the ROC curves, as files to look at."""

import csv
from pathlib import Path

from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.test_result import TestResult, read_test_result
from macbdf_mm.reports.figures.roc_curves import draw_roc_curves
from macbdf_mm.reports.figures.theme import to_png
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import replacing, write_atomically
from macbdf_mm.utils.tables import csv_cell

_COLUMNS = ("file", "category", "method", "label", "video_label", "audio_label")


def show_results(results_file: str | Path, folder: str | Path) -> list[Path]:
    """Write ``videos.csv`` and ``roc.png`` into a folder, and return their paths.

    Args:
        results_file: What ``ForgeryMetric`` wrote to its ``out_file``.
        folder: Is made if it does not exist.
    """
    result = read_test_result(results_file)
    folder = Path(folder)
    table, picture = folder / "videos.csv", folder / "roc.png"
    _write_table(result, table)
    figures = {
        track: measure_track(result.videos, track, result.thresholds[track]) for track in TRACKS
    }
    write_atomically(to_png(draw_roc_curves(result.videos, figures)), picture)
    return [table, picture]


def _write_table(result: TestResult, path: Path) -> None:
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_COLUMNS, *(f"{track}_score" for track in TRACKS), "called_fake"])
        for video in result.videos:
            row = video.to_json()
            is_called_fake = video.scores["overall"] >= result.thresholds["overall"]
            writer.writerow(
                [csv_cell(row[column]) for column in _COLUMNS]
                + [row["scores"][track] for track in TRACKS]
                + [int(is_called_fake) if video.is_scored else None]
            )
