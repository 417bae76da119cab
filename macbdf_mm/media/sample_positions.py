"""Where decoded frames of sound lie, counted in samples.

A frame states when it begins, but many containers round that: Matroska and FLV to 1 ms, MPEG to
1/90000 s. Frames that follow each other without a gap tell it better together than each alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

# By how much a frame may miss where the one before it ended: less is rounding, more is a gap.
MAX_JITTER_SECONDS = 0.01
# By how much a stated time can be wrong, besides the rounding of its container: it may come from
# another container, which rounded to 1 ms.
_MAX_ROUNDING_SECONDS = 0.0012


@dataclass(frozen=True)
class SampleClock:
    """How a track states when its frames begin.

    Attributes:
        rate: Samples a second.
        time_base: What the stated times are multiples of, in seconds.
        first_start: When the track begins, in samples from where positions count.
        first_end: When its first frame ends.
        step: What the lengths of whole frames are multiples of, in samples; 0 where that has to be
            found, None where packets end anywhere (PCM).
    """

    rate: int
    time_base: Fraction
    first_start: float
    first_end: float
    step: int | None = 0

    @property
    def is_exact(self) -> bool:
        """Whether each sample has a time of its own."""
        return (1 / (self.time_base * self.rate)).denominator == 1

    @property
    def max_jitter(self) -> float:
        """By how many samples a frame may miss where the one before it ended."""
        return MAX_JITTER_SECONDS * self.rate

    @property
    def max_rounding(self) -> float:
        """By how many samples a stated time can be wrong."""
        seconds = max(float(self.time_base), _MAX_ROUNDING_SECONDS)
        return min(seconds, MAX_JITTER_SECONDS) * self.rate


def place_frames(
    stated: Sequence[float | None], lengths: Sequence[int], clock: SampleClock
) -> list[int]:
    """Return at which sample each frame begins.

    Frames follow each other unless their times show a gap. Where a track was read from its
    middle, they lie where they would if all of it had been read, as far as their times tell.

    Args:
        stated: When each frame begins by its own word, in samples; None where it does not say.
        lengths: How many samples each frame has.
        clock: Of the track.
    """
    starts: list[int] = []
    following = 0
    for begin, end, deviations in _runs(stated, lengths, clock.max_jitter):
        if not deviations:
            start = following
        elif begin == 0 and stated[0] == clock.first_start:
            start = _nearest(deviations[0])
        else:
            start = _start_of(deviations, lengths[begin:end], clock)
        for length in lengths[begin:end]:
            starts.append(start)
            start += length
        following = start
    return starts


def _runs(
    stated: Sequence[float | None], lengths: Sequence[int], max_jitter: float
) -> Iterator[tuple[int, int, list[float]]]:
    """Yield where each run of frames without a gap begins and ends.

    With each comes where it would begin by the word of each of its frames that says so.
    """
    begin, passed = 0, 0
    deviations: list[float] = []
    for index, (seconds, length) in enumerate(zip(stated, lengths, strict=True)):
        if seconds is not None:
            if not deviations or abs(seconds - passed - deviations[0]) <= max_jitter:
                deviations.append(seconds - passed)
            elif not _goes_on(stated, lengths, index, passed + deviations[0], max_jitter):
                yield begin, index, deviations
                begin, passed, deviations = index, 0, [seconds]
        passed += length
    if begin < len(stated):
        yield begin, len(stated), deviations


def _goes_on(
    stated: Sequence[float | None],
    lengths: Sequence[int],
    index: int,
    expected: float,
    max_jitter: float,
) -> bool:
    """Return whether the frame after one with an odd time is where it would be without it."""
    after = stated[index + 1] if index + 1 < len(stated) else None
    return after is not None and abs(after - expected - lengths[index]) <= max_jitter


def _start_of(deviations: Sequence[float], lengths: Sequence[int], clock: SampleClock) -> int:
    """Return where a run begins that was not read from the start of the track."""
    if clock.is_exact and clock.step is None:
        return _nearest(deviations[0])
    # Rounding errors are spread evenly, so the extremes tell more than the mean. Without them,
    # what differs is a single wrong time.
    middle = (min(deviations) + max(deviations)) / 2
    if clock.is_exact:
        middle = median(deviations)
    # The first frame after a seek and the last of a track may have been trimmed.
    step = math.gcd(clock.step or 0, *lengths[1:-1])
    if step >= clock.max_rounding:
        whole = clock.first_end + round((middle - clock.first_end) / step) * step
        if abs(whole - middle) <= clock.max_rounding:
            return _nearest(whole)
    return _nearest(middle)


def _nearest(position: float) -> int:
    """Return the nearest sample, the later one of two, whatever the last bits of the number."""
    return math.floor(position + 0.5 + 1e-6)
