"""Which clips the demo set holds: decided in full, from the seed, before anything is rendered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from demo.articulation import FPS
from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.datasets.forgery.operators import (
    AUDIO_OPERATORS,
    TEST_ONLY_OPERATORS,
    VIDEO_OPERATORS,
)
from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, Label, clip_label

MIN_CLIPS = 12
SPLITS = ("train", "val", "test")

_CLIPS_PER_IDENTITY = 10
_SPLIT_SHARES = (0.60, 0.13, 0.27)
# (video_label, audio_label) in turn: two clips of five are real, the rest evenly forged.
_LABEL_PATTERN: tuple[tuple[Label, Label], ...] = (
    (REAL, REAL),
    (FAKE, REAL),
    (REAL, FAKE),
    (FAKE, FAKE),
    (REAL, REAL),
)
_DURATION_FRAMES = (50, 100)
_MIN_PARTIAL_FRAMES = 13
_MAX_PARTIAL_SHARE = 0.6
_STRENGTHS = (0.2, 1.0)


@dataclass(frozen=True)
class PlannedClip:
    """One file to be written: its annotation and the key of its random numbers."""

    row: ClipRow
    key: int


@dataclass(frozen=True)
class PlannedSource:
    """One rendered performance, the real clip that shows it and the fakes made from it."""

    identity_key: int
    key: int
    num_frames: int
    clips: tuple[PlannedClip, ...]

    @property
    def duration_seconds(self) -> float:
        """Length of the performance."""
        return self.num_frames / FPS


PlannedGroup = tuple[PlannedSource, ...]
"""Sources rendered together; each gives its face to the one before it."""


@dataclass(frozen=True)
class _Forgery:
    """How one track is forged; ``intervals`` is empty for the whole track."""

    method: str
    strength: float
    intervals: tuple[Interval, ...]


def plan_clips(num_clips: int, seed: int) -> list[PlannedGroup]:
    """Return the plan of a demo set of exactly ``num_clips`` clips.

    The same arguments always give the same plan. No identity is in two splits, and donors of
    faces come from the same split.

    Raises:
        ArgumentError: If ``num_clips`` is too small for three splits, or the seed is negative.
    """
    if num_clips < MIN_CLIPS:
        raise ArgumentError(f"Expected `num_clips` >= {MIN_CLIPS}, got {num_clips}.")
    if seed < 0:
        raise ArgumentError(f"Expected `seed` >= 0, got {seed}.")
    rng = np.random.default_rng([seed, 0])
    num_identities = max(len(SPLITS), round(num_clips / _CLIPS_PER_IDENTITY))
    clip_counts = _share_out(num_clips, num_identities)
    groups: list[PlannedGroup] = []
    keys = iter(range(1_000_000))
    first = 0
    for split, count in zip(SPLITS, _split_sizes(num_identities), strict=True):
        dealer = _ForgeryDealer(split, rng)
        labels = cycle(_LABEL_PATTERN)
        performances = []
        for identity_key in range(first, first + count):
            wanted = list(islice(labels, clip_counts[identity_key]))
            performances.append(_plan_identity(identity_key, split, wanted, dealer, keys, rng))
        groups += _form_groups(performances)
        first += count
    return groups


def rows_of(groups: Sequence[PlannedGroup]) -> list[ClipRow]:
    """Return the annotation rows of a plan, by split and file name."""
    rows = [clip.row for group in groups for source in group for clip in source.clips]
    return sorted(rows, key=lambda row: (SPLITS.index(row.split or ""), row.file))


def _split_sizes(num_identities: int) -> list[int]:
    """Return the number of identities in train, val and test; none is empty."""
    val = max(1, round(_SPLIT_SHARES[1] * num_identities))
    test = max(1, round(_SPLIT_SHARES[2] * num_identities))
    return [num_identities - val - test, val, test]


def _share_out(total: int, parts: int) -> list[int]:
    return [total // parts + (index < total % parts) for index in range(parts)]


def _plan_identity(
    identity_key: int,
    split: str,
    labels: list[tuple[Label, Label]],
    dealer: "_ForgeryDealer",
    keys: Iterator[int],
    rng: np.random.Generator,
) -> list[PlannedSource]:
    """Return the performances of one person; the fakes are dealt to them in turn."""
    identity = f"id{identity_key:03d}"
    # Numbers in file names are shuffled: they must not follow the labels.
    files = [f"videos/{split}/{identity}_{number:02d}.mp4" for number in range(len(labels))]
    rng.shuffle(files)
    real = [file for file, pair in zip(files, labels, strict=True) if pair == (REAL, REAL)]
    fakes = [item for item in zip(files, labels, strict=True) if item[1] != (REAL, REAL)]
    sources = []
    for index, source in enumerate(real):
        num_frames = int(rng.integers(_DURATION_FRAMES[0], _DURATION_FRAMES[1] + 1))
        base = ClipRow(
            file=source, label=REAL, video_label=REAL, audio_label=REAL, identity=identity,
            method="real", split=split, duration_seconds=num_frames / FPS,
        )  # fmt: skip
        clips = [PlannedClip(base, next(keys))]
        for file, pair in fakes[index :: len(real)]:
            row = _plan_fake(base, file, pair, num_frames, dealer)
            clips.append(PlannedClip(row, next(keys)))
        sources.append(PlannedSource(identity_key, next(keys), num_frames, tuple(clips)))
    return sources


def _plan_fake(
    base: ClipRow, file: str, labels: tuple[Label, Label], num_frames: int, dealer: "_ForgeryDealer"
) -> ClipRow:
    video = dealer.deal("video", num_frames) if labels[0] == FAKE else None
    audio = dealer.deal("audio", num_frames) if labels[1] == FAKE else None
    extra: dict[str, str | float] = {}
    for track, forgery in (("video", video), ("audio", audio)):
        if forgery is not None:
            extra[f"{track}_method"] = forgery.method
            extra[f"{track}_strength"] = forgery.strength
    return ClipRow(
        file=file,
        label=clip_label(*labels),
        video_label=labels[0],
        audio_label=labels[1],
        video_fake_intervals=video.intervals if video else (),
        audio_fake_intervals=audio.intervals if audio else (),
        identity=base.identity,
        source=base.file,
        method="+".join(forgery.method for forgery in (video, audio) if forgery),
        split=base.split,
        extra=extra,
        duration_seconds=base.duration_seconds,
    )


class _ForgeryDealer:
    """Draws operators and extents without replacement, so each split has its share of each."""

    def __init__(self, split: str, rng: np.random.Generator) -> None:
        self._rng = rng
        self._methods = {
            "video": self._deck([m for m in VIDEO_OPERATORS if _allowed(m, split)]),
            "audio": self._deck([m for m in AUDIO_OPERATORS if _allowed(m, split)]),
        }
        self._partial = {track: self._deck([True, False, False]) for track in self._methods}

    def deal(self, track: str, num_frames: int) -> _Forgery:
        """Return the next forgery of a track of ``num_frames`` frames."""
        method = str(next(self._methods[track]))
        strength = round(float(self._rng.uniform(*_STRENGTHS)), 3)
        intervals = (self._draw_interval(num_frames),) if next(self._partial[track]) else ()
        return _Forgery(method, strength, intervals)

    def _deck(self, cards: list) -> Iterator:
        while True:
            yield from self._rng.permutation(np.array(cards)).tolist()

    def _draw_interval(self, num_frames: int) -> Interval:
        longest = int(_MAX_PARTIAL_SHARE * num_frames)
        length = int(self._rng.integers(_MIN_PARTIAL_FRAMES, longest + 1))
        start = int(self._rng.integers(0, num_frames - length + 1))
        # Frame boundaries are multiples of 0.04 s, and so of 640 samples.
        return round(start / FPS, 2), round((start + length) / FPS, 2)


def _allowed(method: str, split: str) -> bool:
    return split == "test" or method not in TEST_ONLY_OPERATORS


def _form_groups(performances: list[list[PlannedSource]]) -> list[PlannedGroup]:
    """Return groups of two or three people's sources, so that each finds a donor."""
    groups = []
    start = 0
    while start < len(performances):
        size = 3 if len(performances) - start == 3 else 2
        people = performances[start : start + size]
        for turn in range(max(len(sources) for sources in people)):
            together = [sources[turn] for sources in people if turn < len(sources)]
            groups.append(tuple(together))
        start += size
    return groups
