"""The file of a test: scores of every video, thresholds, and the figures that were computed."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.evaluation.video_scores import VideoScores, WindowScores, gather_videos
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import write_atomically


@dataclass(frozen=True)
class TestResult:
    """The scores of a tested split.

    Attributes:
        aggregation: How a video's score follows from its windows.
        thresholds: Decision threshold of each track.
        is_threshold_fitted: Whether they were chosen on validation data.
        dataset: Name of the data set, None if it has none.
        metrics: All figures that the metric computed, None for those that are not defined.
        unscored: File -> reason, for the videos without a score.
        videos: One entry per video, with its windows.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    aggregation: str
    thresholds: Mapping[str, float]
    is_threshold_fitted: bool
    dataset: str | None
    metrics: Mapping[str, float | None]
    unscored: Mapping[str, str]
    videos: Sequence[VideoScores]


def write_test_result(result: TestResult, path: str | Path) -> None:
    """Write a test result as JSON: a row for every video, null for what is not defined."""
    content = {**vars(result), "videos": [video.to_json() for video in result.videos]}
    # Escaped, so that names that are not UTF-8 can be written and come back as they were.
    write_atomically(json.dumps(content, indent=1) + "\n", path)


def read_test_result(path: str | Path) -> TestResult:
    """Return a test result that ``ForgeryMetric`` has written to its ``out_file``.

    Raises:
        MissingDataError: If there is no such file.
        AnnotationError: If it is not a file of that kind.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(
            f"No test result at '{path}': run tools/test.py first, with a config whose "
            "`test_evaluator` has this `out_file`."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        windows = [window for row in content["videos"] for window in _windows(row)]
        return TestResult(
            videos=gather_videos(windows, content["aggregation"]),
            thresholds={track: float(content["thresholds"][track]) for track in TRACKS},
            is_threshold_fitted=bool(content["is_threshold_fitted"]),
            aggregation=content["aggregation"],
            dataset=content.get("dataset"),
            unscored=dict(content["unscored"]),
            metrics=dict(content["metrics"]),
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise AnnotationError(
            f"'{path}' is not a test result that ForgeryMetric wrote ({error!r}); "
            "run tools/test.py again."
        ) from error


def _windows(row: Mapping[str, Any]) -> list[WindowScores]:
    return [
        WindowScores(
            file=row["file"],
            span_seconds=(start, end),
            scores=(_nan(overall), _nan(video), _nan(audio)),
            labels=(row["label"], row["video_label"], row["audio_label"]),
            category=row["category"],
            method=row["method"],
            video_method=row["video_method"],
            audio_method=row["audio_method"],
        )
        for start, end, overall, video, audio in row["windows"]
    ]


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
