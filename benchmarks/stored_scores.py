"""Score files of any size, made up: persons, sources, methods, windows and steps as of a test.

They measure how long tables, comparisons and conversions take. Their figures mean nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.functional.probabilities import from_log_odds
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import CATEGORIES, STEP_TRACKS, TRACKS

Floats = npt.NDArray[np.float64]

WINDOW_SECONDS = 2.56
HOP_SECONDS = 1.28
NUM_STEPS = 16

_CLIPS_OF_A_PERSON = 200
_CLIPS_OF_A_SOURCE = 8
_METHODS = {
    "video": ("faceswap", "fsgan", "wav2lip", "talklip"),
    "audio": ("sv2tts", "vits", "yourtts"),
}
_FAKE_SHARE = 0.55  # of each track: a fifth of the clips are real in both
_PARTIAL_SHARE = 0.5
_MISSING_SHARE = 0.01


def stored_scores(num_clips: int, has_windows: bool = False, seed: int = 0) -> ScoreSet:
    """Return scores of made-up clips, with thresholds that count as fitted.

    A person has 200 clips and a source 8; persons and methods are easier or harder than others;
    1 % of the clips have no score. The clips are the same for all seeds, their scores are not.

    Args:
        num_clips: Number of clips.
        has_windows: Whether each clip, of 2 to 8 s, has overlapping windows with 16 steps of each
            track, and half of the forgeries are short intervals. Without them there is one score
            a track, as of another detector.
        seed: Of the scores.
    """
    clips = _draw_clips(num_clips, seed)
    videos = [_video_of(clips, place) for place in range(num_clips)]
    if has_windows:
        rng = np.random.default_rng([seed, 2])
        videos = [
            _with_windows(video, clips.partial[place], rng) for place, video in enumerate(videos)
        ]
    thresholds = {"overall": 0.5, "video": 0.45, "audio": 0.55}
    return ScoreSet(videos, thresholds, is_threshold_fitted=True, aggregation="mean")


@dataclass(frozen=True, eq=False)
class _Clips:
    """What is drawn for N clips; arrays of video and audio are (N, 2)."""

    person: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    methods: npt.NDArray[np.int64]
    seconds: Floats
    partial: Floats  # (N, 2, 2) start and end of a partial forgery in shares, NaN of a whole one
    scores: Floats  # (N, 3); NaN where there is none


def _draw_clips(num: int, seed: int) -> _Clips:
    of_clips, of_scores = np.random.default_rng([0, 0]), np.random.default_rng([seed, 1])
    person = np.arange(num) // _CLIPS_OF_A_PERSON
    labels = (of_clips.random((num, 2)) < _FAKE_SHARE).astype(np.int64)
    methods = of_clips.integers(0, [len(names) for names in _METHODS.values()], (num, 2))
    starts = of_clips.uniform(0, 0.7, (num, 2))
    partial = np.stack([starts, starts + of_clips.uniform(0.05, 0.3, (num, 2))], axis=-1)
    partial[of_clips.random((num, 2)) > _PARTIAL_SHARE] = np.nan
    seconds = of_clips.uniform(2, 8, num).round(3)
    is_lost = of_clips.random(num) < _MISSING_SHARE
    logits = 3.0 * labels - 1.5 + labels * np.array([0.4, 0.0, -0.6, -0.2])[methods]
    logits += 0.5 * of_scores.normal(size=num)[person][:, None]
    logits += 1.2 * of_scores.normal(size=(num, 2))
    tracks = from_log_odds(logits)
    scores = np.column_stack([1 - (1 - tracks).prod(axis=1), tracks])
    scores[is_lost] = np.nan
    return _Clips(person, labels, methods, seconds, partial, scores)


def _video_of(clips: _Clips, place: int) -> VideoScores:
    video, audio = clips.labels[place].tolist()
    number = int(clips.person[place])
    person = f"id{number:05}"
    of_tracks = {
        f"{track}_method": _METHODS[track][method]
        for track, label, method in zip(
            STEP_TRACKS, (video, audio), clips.methods[place].tolist(), strict=True
        )
        if label
    }
    file = f"test/{person}/{place:07}.mp4"
    return VideoScores(
        file,
        dict(zip(TRACKS, clips.scores[place].tolist(), strict=True)),
        {"overall": video | audio, "video": video, "audio": audio},
        dataset="made up",
        path=f"data/made_up/{file}",
        groups={
            "category": CATEGORIES[video, audio],
            **({"method": next(iter(of_tracks.values()))} if of_tracks else {}),
            **of_tracks,
            "gender": "fm"[number % 2],
            "identity": person,
            "source": f"{person}/{place // _CLIPS_OF_A_SOURCE:07}",
            "split": "test",
        },
        error="0 bytes" if np.isnan(clips.scores[place, 0]) and place % 2 else None,
        duration_seconds=float(clips.seconds[place]),
    )


def _with_windows(video: VideoScores, partial: Floats, rng: np.random.Generator) -> VideoScores:
    """Return a clip with windows and steps whose scores are about those of the clip."""
    seconds = video.duration_seconds or 0.0
    forgeries: dict[str, tuple[Interval, ...]] = {}
    for track, (start, end) in zip(STEP_TRACKS, (partial * seconds).round(3).tolist(), strict=True):
        whole = (0.0, seconds)
        forgeries[track] = ((whole if np.isnan(start) else (start, end)),) * video.labels[track]
    if not video.is_scored:
        return replace(video, forgeries=forgeries)
    begins = np.arange(max(1, int(np.ceil((seconds - WINDOW_SECONDS) / HOP_SECONDS)) + 1))
    return replace(
        video,
        forgeries=forgeries,
        windows=tuple(
            _window(video, float(begin) * HOP_SECONDS, forgeries, rng) for begin in begins
        ),
    )


def _window(
    video: VideoScores,
    begin: float,
    forgeries: dict[str, tuple[Interval, ...]],
    rng: np.random.Generator,
) -> WindowScores:
    centers = begin + (np.arange(NUM_STEPS) + 0.5) * WINDOW_SECONDS / NUM_STEPS
    steps = {}
    for track in STEP_TRACKS:
        labels = np.zeros(NUM_STEPS, dtype=np.int64)
        for start, end in forgeries[track]:
            labels |= (centers >= start) & (centers < end)
        noise = rng.normal(size=NUM_STEPS)
        steps[track] = StepScores(from_log_odds(3.0 * labels - 2.0 + noise), labels)
    overall, of_video, of_audio = (float(video.scores[track]) for track in TRACKS)
    return WindowScores(
        video.file,
        (round(begin, 3), round(begin + WINDOW_SECONDS, 3)),
        (overall, of_video, of_audio),
        (video.labels["overall"], video.labels["video"], video.labels["audio"]),
        steps=steps,
        path=video.path,
        dataset=video.dataset,
        duration_seconds=video.duration_seconds,
        forgeries=forgeries,
    )
