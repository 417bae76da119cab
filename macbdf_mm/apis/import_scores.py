"""Scores of anybody's detector, matched to an annotation, as a score file. No torch is needed."""

import hashlib
import math
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from macbdf_mm.datasets.annotation import ClipRow, load_annotation
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError
from macbdf_mm.evaluation.functional.probabilities import from_log_odds, log_odds
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.prepare.converters.read_table import read_csv
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.environment import command_line, package_versions
from macbdf_mm.utils.tables import shown

# Beyond it P(fake) would be rounded to 1, and the order of scores lost.
_MAX_LOGIT = float(log_odds(1.0))
# Of a track there may be scores as well.
_TRACK_COLUMNS = {"video": "video_score", "audio": "audio_score"}


@dataclass(frozen=True)
class ImportedScores:
    """Scores that were matched to the clips of an annotation.

    Attributes:
        scores: One entry for each clip of the split; those without a row are missing.
        unmatched: Paths of the table that name no clip of the split, in its order.
        divisor: What all logits were divided by so that P(fake) keeps their order; 1 if nothing.
    """

    scores: ScoreSet
    unmatched: Sequence[str]
    divisor: float = 1.0


def import_scores(
    table: str | Path,
    ann_file: str | Path,
    *,
    split: str | None = None,
    path_column: str = "path",
    score_column: str = "score",
    thresholds: Mapping[str, float] | None = None,
    are_logits: bool = False,
) -> ImportedScores:
    """Return the scores of a table by the clips of an annotation.

    A path names the clip whose ``file`` it is, or ends in; or the only clip whose ``file`` ends in
    it. Columns ``video_score`` and ``audio_score`` are those of the tracks, where they are there.
    An empty cell is no score.

    Args:
        table: A CSV file with a path and a score per row.
        ann_file: The annotation.
        split: Take only its clips of this split.
        path_column: Heading of the paths.
        score_column: Heading of the overall scores, P(fake).
        thresholds: From which P(fake) a track is called fake, in [0, 1]; 0.5 if left out.
        are_logits: Scores are on any scale on which 0 is undecided; the logistic function makes
            P(fake) of them. If one is beyond 16.6, where P(fake) would be rounded to 0 or 1, all
            are divided by the same number first, so their order is kept.

    Raises:
        MissingDataError: If a file is not there, or the annotation has no such split.
        AnnotationError: If one of them cannot be read, a score is no number or outside [0, 1], or
            two rows name one clip.
        ConfigError: If no row names a clip, or a threshold is outside [0, 1].
    """
    for threshold in (thresholds or {}).values():
        if not 0 <= threshold <= 1:
            raise ConfigError(
                f"Expected a threshold in [0, 1], got {threshold:g}: it is a P(fake), also where "
                "scores are logits, of which 0 becomes 0.5."
            )
    table, ann_file = Path(table), Path(ann_file)
    annotation = load_annotation(ann_file, allow_outside_root=True)
    rows = [row for row in annotation.rows if split is None or row.split == split]
    if not rows:
        parts = sorted({row.split for row in annotation.rows if row.split is not None})
        raise MissingDataError(
            f"{ann_file} has no clips of the split {shown(split)}; it has "
            f"{', '.join(parts) or 'none'}."
        )
    find = _Finder([row.file for row in rows])
    found: dict[str, dict[str, float]] = {}
    places: dict[str, int] = {}
    unmatched = []
    for line, cells in read_csv(table, (path_column, score_column)):
        file = find(cells[path_column])
        if file is None:
            unmatched.append(cells[path_column])
            continue
        if file in places:
            raise AnnotationError(
                f"{table}: lines {places[file]} and {line} both name the clip '{file}'; keep one."
            )
        places[file] = line
        columns = {"overall": score_column, **_TRACK_COLUMNS}
        found[file] = {
            track: _score(cells.get(column, ""), f"{table}, line {line}", are_logits)
            for track, column in columns.items()
        }
    if not found and not unmatched:
        raise MissingDataError(f"{table} has a heading, but no row with a score.")
    if not found:
        paths = "The only path" if len(unmatched) == 1 else f"None of the {len(unmatched)} paths"
        verb = "names no" if len(unmatched) == 1 else "names a"
        raise ConfigError(
            f"{paths} of {table}, such as '{unmatched[0]}', {verb} clip of {ann_file}, such as "
            f"'{rows[0].file}': check --path-column and --split."
        )
    divisor = 1.0
    if are_logits:
        most = max(
            (abs(v) for row in found.values() for v in row.values() if not math.isnan(v)),
            default=0.0,
        )
        divisor = max(1.0, most / _MAX_LOGIT)
        found = {
            file: {track: float(from_log_odds(value / divisor)) for track, value in row.items()}
            for file, row in found.items()
        }
    dataset = str(annotation.metainfo["dataset"])
    scores = ScoreSet(
        videos=[_video(row, dataset, found.get(row.file), table.name) for row in rows],
        thresholds=dict(thresholds or dict.fromkeys(TRACKS, 0.5)),
        origin={
            "synthetic": annotation.metainfo.get("synthetic"),
            "imported_sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
            "annotations": {str(ann_file): hashlib.sha256(ann_file.read_bytes()).hexdigest()},
            "split": split,
            "logits_divided_by": divisor,
            "command": command_line(),
            "versions": package_versions(),
        },
    )
    return ImportedScores(scores, unmatched, divisor)


class _Finder:
    """Finds the clip that a path names."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = set(files)
        self._by_end: dict[str, str | None] = {}
        for file in files:
            for end in _ends(file):
                # An end that several files share names none of them.
                self._by_end[end] = None if end in self._by_end else file

    def __call__(self, path: str) -> str | None:
        plain = posixpath.normpath(path.replace("\\", "/"))
        for end in _ends(plain):
            if end in self._files:
                return end
        return self._by_end.get(plain)


def _ends(path: str) -> list[str]:
    """Return a path and what it ends in at its slashes, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _score(cell: str, place: str, is_logit: bool) -> float:
    if cell.lower() in ("", "nan", "none", "null"):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise AnnotationError(f"{place}: expected a score, got {shown(cell)}.") from None
    if is_logit and math.isfinite(value):
        return value
    if is_logit:
        raise AnnotationError(f"{place}: expected a finite score, got {cell}.")
    if not 0 <= value <= 1:
        raise AnnotationError(
            f"{place}: expected a score in [0, 1], P(fake), got {cell}; --logits takes scores of "
            "any scale."
        )
    return value


def _video(
    row: ClipRow, dataset: str, scores: Mapping[str, float] | None, table: str
) -> VideoScores:
    columns = {
        "category": row.category,
        "method": row.method,
        "identity": row.identity,
        "source": row.source,
        "split": row.split,
        **row.extra,
    }
    return VideoScores(
        file=row.file,
        scores=dict(scores or dict.fromkeys(TRACKS, math.nan)),
        labels={"overall": row.label, "video": row.video_label, "audio": row.audio_label},
        dataset=dataset,
        groups={
            name: str(value)
            for name, value in columns.items()
            if isinstance(value, str | int | float)
        },
        absence=f"{table} has no score for it",
    )
