"""The clips that the report shows, chosen by a rule that it states."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.reports.figures.timeline import ClipStory
from macbdf_mm.structures.intervals import fake_intervals
from macbdf_mm.structures.labels import CATEGORIES, FAKE, REAL, TRACKS, UNKNOWN

SELECTION_RULE = (
    "Chosen by rule, not by hand: of each category (of all clips, where no category is known) "
    "the clip with the median overall score, then the two clips that lie furthest on the wrong "
    "side of the threshold."
)
_LABEL_WORDS = {REAL: "real", FAKE: "fake", UNKNOWN: "not labelled"}
_NUM_MISTAKES = 2
_NUM_FRAMES = 7
_SAMPLE_RATE = 16_000


def choose_examples(videos: Sequence[VideoScores], threshold: float) -> list[VideoScores]:
    """Return the median clip of each category, then the two worst mistakes.

    Where only the clips' own labels are known there is no category: the median of all is taken.
    """
    scored = sorted(
        (video for video in videos if video.is_scored), key=lambda video: video.scores["overall"]
    )
    groups = [[v for v in scored if v.category == category] for category in CATEGORIES.values()]
    chosen = [members[len(members) // 2] for members in groups if members]
    if not chosen:
        chosen = scored[len(scored) // 2 : len(scored) // 2 + 1]
    mistakes = sorted(scored, key=lambda video: -_wrong_by(video, threshold))[:_NUM_MISTAKES]
    return chosen + [v for v in mistakes if _wrong_by(v, threshold) > 0 and v not in chosen]


def tell_story(
    video: VideoScores,
    row: ClipRow,
    path: Path,
    thresholds: Mapping[str, float],
    calibration: ScoreCalibration | None = None,
) -> ClipStory:
    """Return what the picture of one clip shows; its frames and sound are decoded here.

    Args:
        video: Its scores.
        row: What the annotation says of it.
        path: The media file.
        thresholds: Decision threshold of each track.
        calibration: Of the scores; windows are shown on the same scale.
    """
    duration = row.duration_seconds or probe(path).duration_seconds
    decoded = read_span(path, (0.0, duration), _NUM_FRAMES, _SAMPLE_RATE)
    return ClipStory(
        title=_title(video),
        duration_seconds=duration,
        frames=decoded.frames,
        waveform=decoded.waveform if decoded.has_audio else None,
        sample_rate=_SAMPLE_RATE,
        windows=(calibration or ScoreCalibration.none()).windows(video),
        thresholds=thresholds,
        intervals={
            "video": fake_intervals(row.video_label, row.video_fake_intervals, duration),
            "audio": fake_intervals(row.audio_label, row.audio_fake_intervals, duration),
        },
    )


def _wrong_by(video: VideoScores, threshold: float) -> float:
    """Return how far the score lies on the wrong side of the threshold, negative if right."""
    label, distance = video.labels["overall"], video.scores["overall"] - threshold
    if label == UNKNOWN:
        return -math.inf
    return -distance if label == FAKE else distance


def _title(video: VideoScores) -> str:
    names = [video.method_of(track) for track in ("video", "audio")]
    methods = " + ".join(name for name in names if name) or video.method_of("overall")
    if not methods:
        methods = _LABEL_WORDS[video.labels["overall"]]
    scores = ", ".join(
        f"{track} {video.scores[track]:.2f}"
        for track in TRACKS
        if not math.isnan(video.scores[track])
    )
    parts = [Path(video.file).name, video.category, methods]
    return " · ".join(part for part in parts if part) + f"\n{scores}"
