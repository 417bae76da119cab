"""Score files: the scores of a test, apart from the model that made them.

A file has one row a clip (:data:`ROW_KEYS`), as JSON lines or, with pyarrow, as Parquet. A small
file beside it, ``x.meta.json``, says how the scores were made. All tables are computed from the
two, without torch, so that the scores of anybody's detector can be judged by them.
"""

import hashlib
import importlib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from macbdf_mm.errors import (
    AnnotationError,
    ArgumentError,
    MissingBackendError,
    MissingDataError,
)
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.weighted_clips import Scores
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import (
    Status,
    VideoScores,
    clip_keys,
    names_of,
    none_if_nan,
    order_of,
)
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.files import replacing, write_json

FORMAT = 1
SUFFIXES = (".jsonl", ".parquet")
# Of Parquet: all at once would take several times the memory of the scores.
_ROWS_AT_ONCE = 10_000
# Columns that Parquet has as lists of pairs.
_MAPS = ("groups", "steps", "step_labels", "forgeries")
# Fields of the annotation that a window has besides its columns.
_FIELDS = ("category", "method", "video_method", "audio_method")


@dataclass(frozen=True)
class ScoreSet:
    """The scores of the clips of a test, and how they were made.

    Attributes:
        videos: One entry per clip, in the order of data set, file and path.
        thresholds: Decision threshold of each track.
        is_threshold_fitted: Whether they were chosen on validation data.
        aggregation: How a clip's score follows from its windows; None if nobody says.
        proposals: By track, how step scores become proposals; without those that were not fitted
            on validation data.
        origin: What made the scores: digests of weights, annotation, split and config, versions,
            the command. Without the time, so that the same run writes the same bytes.
        calibration: How the scores follow from the raw ones, and which are called uncertain.
    """

    videos: Sequence[VideoScores]
    thresholds: Mapping[str, float]
    is_threshold_fitted: bool = False
    aggregation: str | None = None
    proposals: Mapping[str, ProposalSettings] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    calibration: ScoreCalibration = field(default_factory=ScoreCalibration.none)

    @property
    def scored(self) -> list[VideoScores]:
        """The clips that have an overall score."""
        return [video for video in self.videos if video.is_scored]

    @property
    def unscored(self) -> dict[str, str]:
        """Name -> reason, for the clips without a score."""
        named = zip(names_of(self.videos), self.videos, strict=True)
        return {name: video.problem for name, video in named if not video.is_scored}

    @property
    def dataset(self) -> str | None:
        """Names of the data sets, joined by ``+``; None if no clip says its own."""
        names = sorted({video.dataset for video in self.videos if video.dataset is not None})
        return " + ".join(names) or None

    @property
    def is_synthetic(self) -> bool | None:
        """Whether the annotation says that clips are rendered; None if nothing is known of it."""
        value = self.origin.get("synthetic")
        return None if value is None else bool(value)


class _Row(msgspec.Struct):
    """A row as it is written; what is not known is null."""

    dataset: str | None
    file: str
    path: str | None
    status: Status
    reason: str | None
    labels: dict[str, int]
    scores: dict[str, float | None]
    groups: dict[str, str]
    windows: list[tuple[float, float, float | None, float | None, float | None]]
    steps: dict[str, list[list[float | None]]]
    step_labels: dict[str, list[list[int]]]
    duration_seconds: float | None = None
    forgeries: dict[str, list[tuple[float, float]]] = {}
    raw_scores: dict[str, float | None] | None = None


ROW_KEYS = _Row.__struct_fields__
"""``status`` is ok, missing or error, ``reason`` says why. ``labels`` and ``scores`` are those of
overall, video and audio. ``windows`` are lists of start and end in seconds and the three scores.
``steps`` has, for each track with a frame-level head and each window, the scores of its equal time
steps, and ``step_labels`` their labels. ``forgeries`` has the annotated fake intervals of each
track, in seconds, without the tracks of which nothing is known. ``raw_scores`` are the three scores
before calibration, null if there was none; windows and steps are not calibrated."""


def meta_path(path: str | Path) -> Path:
    """Return the path of the file that says how the scores were made, ``x.meta.json``."""
    return Path(path).with_suffix(".meta.json")


def write_scores(scores: ScoreSet, path: str | Path) -> None:
    """Write a score file and, beside it, how it was made. The same scores give the same bytes.

    Args:
        scores: The scores.
        path: ``x.jsonl``, or ``x.parquet`` for Parquet.

    Raises:
        ValueError: If the suffix is another.
        MissingBackendError: If Parquet is wanted and pyarrow is not there.
        UnwritableFileError: If the file cannot be written.
    """
    path = check_suffix(path)
    videos = sorted(scores.videos, key=order_of)
    with replacing(path) as unfinished:
        if path.suffix == ".parquet":
            _write_parquet(map(_row_of, videos), unfinished)
        else:
            with unfinished.open("w", encoding="ascii") as file:
                # Escaped, so that names that are not UTF-8 come back as they were.
                file.writelines(json.dumps(_row_of(video)) + "\n" for video in videos)
    meta = {
        "format": FORMAT,
        "num_clips": len(videos),
        "scores_sha256": _digest(path),
        "thresholds": dict(scores.thresholds),
        "is_threshold_fitted": scores.is_threshold_fitted,
        "aggregation": scores.aggregation,
        "proposals": {track: found.to_json() for track, found in scores.proposals.items()},
        "calibration": scores.calibration.to_json(),
        "origin": dict(scores.origin),
    }
    write_json(meta, meta_path(path))


def read_scores(path: str | Path) -> ScoreSet:
    """Return the scores of a file that :func:`write_scores` wrote.

    Raises:
        MissingDataError: If the file, or the one beside it, is not there.
        AnnotationError: If it is not of that kind, the two do not belong together, or a clip
            stands in it twice.
        ValueError: If the suffix is another.
        MissingBackendError: If it is Parquet and pyarrow is not there.
    """
    path = check_present(path)
    try:
        meta = json.loads(meta_path(path).read_text(encoding="utf-8"))
        if meta["scores_sha256"] != _digest(path):
            raise AnnotationError(
                f"'{path}' is not the file that '{meta_path(path)}' describes: one of the two was "
                "changed, or left from another run; write them again."
            )
        scores = ScoreSet(
            videos=sorted(map(_video_of, _read_rows(path)), key=order_of),
            thresholds={track: float(meta["thresholds"][track]) for track in TRACKS},
            is_threshold_fitted=bool(meta["is_threshold_fitted"]),
            aggregation=meta["aggregation"],
            proposals={
                track: ProposalSettings.from_json(values)
                for track, values in meta.get("proposals", {}).items()
            },
            origin=dict(meta["origin"]),
            calibration=ScoreCalibration.from_json(meta.get("calibration")),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, AnnotationError | ArgumentError):
            raise
        raise AnnotationError(
            f"'{path}' is not a score file ({error!r}); write it again with `macbdf test` or "
            "`macbdf import-scores`."
        ) from error
    clip_keys(scores.videos, str(path))
    return scores


def check_suffix(path: str | Path) -> Path:
    """Return the path of a score file.

    Raises:
        ValueError: If its suffix says no known format.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ArgumentError(f"Expected a score file in .jsonl or .parquet, got '{path}'.")
    return path


def check_present(path: str | Path) -> Path:
    """Return the path of a score file that is there, with the file beside it.

    Raises:
        MissingDataError: If one of them is not there.
        ValueError: If its suffix says no known format.
    """
    path = check_suffix(path)
    for file in (path, meta_path(path)):
        if not file.is_file():
            raise MissingDataError(
                f"No score file at '{file}': run `macbdf test` first, or "
                "`macbdf import-scores` for the scores of another detector; both write x.jsonl "
                "with x.meta.json beside it."
            )
    return path


def _row_of(video: VideoScores) -> dict[str, Any]:
    tracks = [
        track
        for track in STEP_TRACKS
        if video.windows and all(track in window.steps for window in video.windows)
    ]
    return {
        "dataset": video.dataset,
        "file": video.file,
        "path": video.path,
        "status": video.status,
        "reason": video.error if video.is_scored else video.problem,
        "labels": dict(video.labels),
        "scores": {track: none_if_nan(score) for track, score in video.scores.items()},
        "groups": dict(video.groups),
        "windows": [
            [*window.span_seconds, *map(none_if_nan, window.scores)] for window in video.windows
        ],
        "steps": {
            track: [_plain(window.steps[track].scores) for window in video.windows]
            for track in tracks
        },
        "step_labels": {
            track: [window.steps[track].labels.tolist() for window in video.windows]
            for track in tracks
        },
        "duration_seconds": video.duration_seconds,
        "forgeries": {
            track: [list(interval) for interval in intervals]
            for track, intervals in video.forgeries.items()
        },
        "raw_scores": video.raw_scores
        and {track: none_if_nan(score) for track, score in video.raw_scores.items()},
    }


def _plain(scores: Scores) -> list[float | None]:
    """Return scores of time steps, in as few digits as tell numbers of 32 bits apart."""
    return [None if math.isnan(score) else float(str(score)) for score in scores.astype(np.float32)]


def _video_of(row: _Row) -> VideoScores:
    # Names of columns and most of their values are the same in all rows: kept once.
    groups = {sys.intern(name): sys.intern(value) for name, value in row.groups.items()}
    labels = {track: row.labels[track] for track in TRACKS}
    dataset = None if row.dataset is None else sys.intern(row.dataset)
    columns = {name: value for name, value in groups.items() if name not in _FIELDS}
    error = row.reason if row.status != "missing" else None
    forgeries = {track: tuple(intervals) for track, intervals in row.forgeries.items()}
    windows = tuple(
        WindowScores(
            file=row.file,
            span_seconds=(start, end),
            scores=(_nan(overall), _nan(video), _nan(audio)),
            labels=(labels["overall"], labels["video"], labels["audio"]),
            category=groups.get("category"),
            method=groups.get("method"),
            video_method=groups.get("video_method"),
            audio_method=groups.get("audio_method"),
            decode_error=error if overall is video is audio is None else None,
            steps={track: _steps(row, track, place) for track in row.steps},
            path=row.path,
            dataset=dataset,
            columns=columns,
            duration_seconds=row.duration_seconds,
            forgeries=forgeries,
        )
        for place, (start, end, overall, video, audio) in enumerate(row.windows)
    )
    return VideoScores(
        file=row.file,
        scores={track: _nan(row.scores[track]) for track in TRACKS},
        labels=labels,
        windows=windows,
        dataset=dataset,
        path=row.path,
        groups=groups,
        error=error,
        duration_seconds=row.duration_seconds,
        forgeries=forgeries,
        raw_scores=None
        if row.raw_scores is None
        else {track: _nan(row.raw_scores[track]) for track in TRACKS},
        **({"absence": row.reason} if row.status == "missing" and row.reason else {}),
    )


def _steps(row: _Row, track: str, place: int) -> StepScores:
    scores = np.array(row.steps[track][place], dtype=np.float64)  # NaN for None
    return StepScores(scores, np.array(row.step_labels[track][place], dtype=np.int64))


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _read_rows(path: Path) -> Iterator[_Row]:
    if path.suffix == ".parquet":
        raw = _read_parquet(path)
        for place, row in enumerate(raw, start=1):
            yield _checked(row, f"row {place}")
        return
    decode = msgspec.json.Decoder(_Row).decode
    with path.open(encoding="utf-8") as file:
        for place, line in enumerate(file, start=1):
            try:
                yield decode(line)
            except msgspec.DecodeError:
                # Names that are not UTF-8, which this decoder refuses; else the same error.
                yield _checked(json.loads(line), f"line {place}")


def _checked(raw: Any, place: str) -> _Row:
    try:
        return msgspec.convert(raw, _Row)
    except msgspec.ValidationError as error:
        raise ValueError(f"{place}: {error}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _arrow() -> Any:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingBackendError(
            "Parquet needs pyarrow: install the extra `parquet`, or use a score file in .jsonl."
        ) from error


def _write_parquet(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    arrow, parquet = _arrow()
    numbers, texts = arrow.float64(), arrow.string()
    steps, labels = arrow.list_(arrow.list_(numbers)), arrow.list_(arrow.list_(arrow.int64()))
    schema = arrow.schema(
        {
            **dict.fromkeys(("dataset", "file", "path", "status", "reason"), texts),
            "labels": arrow.struct([(track, arrow.int64()) for track in TRACKS]),
            "scores": arrow.struct([(track, numbers) for track in TRACKS]),
            "groups": arrow.map_(texts, texts),
            "windows": arrow.list_(arrow.list_(numbers)),
            "steps": arrow.map_(texts, steps),
            "step_labels": arrow.map_(texts, labels),
            "duration_seconds": numbers,
            "forgeries": arrow.map_(texts, arrow.list_(arrow.list_(numbers))),
            "raw_scores": arrow.struct([(track, numbers) for track in TRACKS]),
        }
    )
    rows = iter(rows)
    try:
        with parquet.ParquetWriter(path, schema) as writer:
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                plain = [{**r, **{name: list(r[name].items()) for name in _MAPS}} for r in some]
                writer.write_table(arrow.Table.from_pylist(plain, schema=schema))
    except UnicodeEncodeError as error:
        raise ArgumentError(
            "Parquet holds no names that are not UTF-8: use a score file in .jsonl."
        ) from error


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    _, parquet = _arrow()
    with parquet.ParquetFile(path) as file:
        for some in file.iter_batches(_ROWS_AT_ONCE):
            for row in some.to_pylist():
                yield {**row, **{name: dict(row[name]) for name in _MAPS if name in row}}
