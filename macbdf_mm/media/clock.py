"""Whether the clock of a file runs on, and how one that starts anew is put in order.

Files that were put together end to end keep the clock of each part. Their times say nothing
of what lies where, until each part is moved behind the one before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# A clock that goes back by more than this has started anew; less is rounding or reordering.
_MAX_STEP_BACK_SECONDS = 0.25
# One that leaps ahead further has, too: FFmpeg takes a clock that starts anew for one that has
# run over, a day later. A shorter leap is a pause, and stays one.
_MAX_STEP_AHEAD_SECONDS = 600.0


@dataclass(frozen=True)
class Clock:
    """How the times of a file's packets are to be read.

    Attributes:
        is_sought: Whether a seek to a moment leads to what is shown then. If not, the file is
            read from its start.
        shifts: By the index of a stream: from which of its packets on, by how many seconds later
            they are than they say; ascending, empty where the clock runs on.
        num_restarts: How often the clock starts anew.
        unread_share: How much of the file lies behind the last packet that is found.
    """

    is_sought: bool = True
    shifts: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    num_restarts: int = 0
    unread_share: float = 0.0


@dataclass
class _Part:
    """A stretch of a file in which the clock runs on.

    ``first`` and ``last`` are the times of its packets, ``now`` that of the latest one.
    """

    first: float
    last: float
    now: float

    def add(self, start: float, end: float, decoded: float) -> None:
        self.first, self.last, self.now = min(self.first, start), max(self.last, end), decoded


@dataclass
class _Walker:
    """Where one stream is: the part, and the time and the end of its latest packet."""

    part: int
    decoded: float
    end: float


class PacketTimes(NamedTuple):
    """When a packet of a stream is decoded, and from when to when it is shown, in seconds."""

    stream: int
    decoded: float
    start: float
    end: float


def runs_on(packets: Iterable[PacketTimes | int]) -> bool:
    """Return whether the clock of each stream runs on all the way; arguments as below."""
    latest: dict[int, float] = {}
    for packet in packets:
        if isinstance(packet, int):
            continue
        before = latest.get(packet.stream)
        if before is not None and not _goes_on(before, packet.decoded):
            return False
        latest[packet.stream] = packet.decoded
    return True


def put_in_order(packets: Iterable[PacketTimes | int]) -> Clock:
    """Return the clock of a file, from all of its packets in their order.

    Args:
        packets: The times of each, or the index of its stream where it has none.
    """
    listed = list(packets)
    parts: list[_Part] = []
    walkers: dict[int, _Walker] = {}
    counts: dict[int, int] = {}
    # (stream, its packet, the part it enters, when its last packet before that ends)
    moves: list[tuple[int, int, int, float | None]] = []
    for packet, after in zip(listed, _following(listed), strict=True):
        stream = packet if isinstance(packet, int) else packet.stream
        ordinal = counts.get(stream, 0)
        counts[stream] = ordinal + 1
        if isinstance(packet, int):
            continue
        walker = walkers.get(stream)
        if walker is not None and not _goes_on(walker.decoded, packet.decoded):
            # One bad timestamp is no new clock: the next packet tells which of the two goes on.
            if after is None or abs(after - packet.decoded) > abs(after - walker.decoded):
                continue
            target = len(parts) - 1
            if walker.part == target or not _goes_on(parts[target].now, packet.decoded, 10.0):
                target = len(parts)
                parts.append(_Part(packet.start, packet.end, packet.decoded))
        elif walker is not None:
            target = _nearest(parts, (walker.part, len(parts) - 1), packet.decoded)
        else:
            parts = parts or [_Part(packet.start, packet.end, packet.decoded)]
            target = len(parts) - 1
        if walker is None or target != walker.part:
            moves.append((stream, ordinal, target, walker.end if walker else None))
        parts[target].add(packet.start, packet.end, packet.decoded)
        end = packet.end if walker is None or target != walker.part else max(walker.end, packet.end)
        walkers[stream] = _Walker(target, packet.decoded, end)
    return _in_order(parts, moves)


def _goes_on(before: float, now: float, max_back: float = _MAX_STEP_BACK_SECONDS) -> bool:
    return -max_back <= now - before <= _MAX_STEP_AHEAD_SECONDS


def _nearest(parts: Sequence[_Part], candidates: Iterable[int], decoded: float) -> int:
    return min(candidates, key=lambda index: abs(decoded - parts[index].now))


def _following(packets: Sequence[PacketTimes | int]) -> list[float | None]:
    """Return when the next packet of the same stream is decoded, for each packet."""
    following: list[float | None] = []
    latest: dict[int, float] = {}
    for packet in reversed(packets):
        if isinstance(packet, int):
            following.append(None)
            continue
        following.append(latest.get(packet.stream))
        latest[packet.stream] = packet.decoded
    return following[::-1]


def _in_order(parts: Sequence[_Part], moves: Sequence[tuple[int, int, int, float | None]]) -> Clock:
    """Return the clock by which each part begins where the streams that enter it have ended."""
    if len(parts) < 2:
        return Clock()
    part_of: dict[int, int] = {}
    ends: dict[int, list[tuple[int, float]]] = {}
    for stream, _, target, end in moves:
        if end is not None:
            ends.setdefault(target, []).append((part_of[stream], end))
        part_of[stream] = target
    by_part = [0.0] * len(parts)
    for target in range(1, len(parts)):
        before = [by_part[source] + end for source, end in ends[target]]
        by_part[target] = max(before) - parts[target].first
    shifts: dict[int, list[tuple[int, float]]] = {}
    for stream, ordinal, target, _ in moves:
        shifts.setdefault(stream, []).append((ordinal, by_part[target]))
    return Clock(is_sought=False, shifts=shifts, num_restarts=len(parts) - 1)
