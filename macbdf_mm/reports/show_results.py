"""A table of every tested video, ROC curves and a reliability plot, as files to look at."""

import csv
from pathlib import Path

from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy, fill_missing
from macbdf_mm.evaluation.video_scores import none_if_nan
from macbdf_mm.reports.figures.reliability import draw_reliability
from macbdf_mm.reports.figures.roc_curves import draw_roc_curves
from macbdf_mm.reports.figures.theme import to_png
from macbdf_mm.reports.score_tables import ScoreTables
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import replacing, write_atomically
from macbdf_mm.utils.tables import csv_cell

_COLUMNS = ("category", "method")


def show_results(
    scores: ScoreSet, tables: ScoreTables, folder: str | Path, missing: MissingPolicy = "exclude"
) -> list[Path]:
    """Write ``videos.csv``, ``roc.png``, ``reliability.png`` into a folder; return their paths.

    Args:
        scores: Those of a score file.
        tables: Theirs, whose figures the plots have.
        folder: Is made if it does not exist.
        missing: The policy of the tables for clips without a score.
    """
    folder = Path(folder)
    table, picture = folder / "videos.csv", folder / "roc.png"
    _write_table(scores, table)
    videos = fill_missing(scores.videos, missing)
    write_atomically(to_png(draw_roc_curves(videos, tables.tracks)), picture)
    reliability = folder / "reliability.png"
    write_atomically(to_png(draw_reliability(tables.reliability)), reliability)
    return [table, picture, reliability]


def _write_table(scores: ScoreSet, path: Path) -> None:
    threshold = scores.thresholds["overall"]
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [f"{track}_{what}" for what in ("label", "score") for track in TRACKS]
        writer.writerow(["dataset", "file", *_COLUMNS, *names, "called_fake"])
        for video in scores.videos:
            texts = [video.dataset, video.file, *(video.groups.get(name) for name in _COLUMNS)]
            writer.writerow(
                [csv_cell(text) for text in texts]
                + [video.labels[track] for track in TRACKS]
                + [none_if_nan(video.scores[track]) for track in TRACKS]
                + [int(video.scores["overall"] >= threshold) if video.is_scored else None]
            )
