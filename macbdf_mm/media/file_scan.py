"""What only a walk through all packets of a file tells; it is remembered for many files."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from av.container import InputContainer

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.box_scan import (
    first_part_end,
    has_joined_pieces,
    may_start_anew,
    page_end,
)
from macbdf_mm.media.clock import Clock, PacketTimes, put_in_order, runs_on
from macbdf_mm.media.container import open_container, packets_up_to_damage, timed_streams
from macbdf_mm.media.packets import length_of, to_seconds

# Of so many files it is remembered what only a walk through all of their packets tells.
NUM_REMEMBERED = 256
_ASF_BLOCK_BYTES = 2**16


@lru_cache(maxsize=NUM_REMEMBERED)
def clock_of(path: Path, format_name: str, num_bytes: int, changed_ns: int) -> Clock:
    """Return how the times of a file's packets are to be read.

    The arguments tell the file, as it is now, from any other.

    Raises:
        UndecodableMediaError: If times start anew in fragments that an edit list hides.
    """
    part_end = first_part_end(path, format_name)
    clock = Clock(unread_share=0.0 if part_end is None else 1.0 - part_end / num_bytes)
    if has_joined_pieces(path, format_name):
        # FFmpeg's index then holds hidden packets in between, at times that others have.
        return replace(clock, is_sought=False)
    if not may_start_anew(path, format_name):
        return clock
    last_byte = [0]
    with open_container(path) as container:
        steady = runs_on(_packet_times(container, last_byte))
    if not steady:
        with open_container(path) as container:
            clock = put_in_order(_packet_times(container, last_byte))
    if clock.num_restarts and "mp4" in format_name.split(","):
        raise UndecodableMediaError(
            f"{path} was put together from files in fragments whose times start anew, by which "
            "parts of it are hidden; join them with `ffmpeg -f concat` instead."
        )
    if format_name == "ogg":
        last_byte[0] = page_end(path, last_byte[0])
    if last_byte[0]:
        clock = replace(clock, unread_share=max(0.0, 1.0 - last_byte[0] / num_bytes))
    return clock


@lru_cache(maxsize=NUM_REMEMBERED)
def interleaving_of(path: Path, format_name: str, num_bytes: int, changed_ns: int) -> float:
    """Return by how much a file runs ahead of a track whose packets are still to come."""
    by_index = bool(set(format_name.split(",")) & {"mp4", "avi"})
    if by_index and clock_of(path, format_name, num_bytes, changed_ns).is_sought:
        # In the order of time, wherever the packets lie.
        return 0.0
    latest, furthest = -math.inf, 0.0
    with open_container(path) as container:
        for packet in _packet_times(container):
            if isinstance(packet, PacketTimes):
                latest = max(latest, packet.decoded)
                furthest = max(furthest, latest - packet.decoded)
    return furthest


def _packet_times(
    container: InputContainer, last_byte: list[int] | None = None
) -> Iterator[PacketTimes | int]:
    """Yield the times of all packets, or the index of the stream where one has none.

    ``last_byte`` is set to where in the file the last of them ends, if that is known.
    """
    for packet in packets_up_to_damage(container, timed_streams(container)):
        if last_byte is not None and packet.pos is not None:
            # Of Ogg, the place is that of the page; of Windows Media, that of a block.
            sizes = {"ogg": 0, "asf": _ASF_BLOCK_BYTES}
            end = packet.pos + sizes.get(container.format.name, packet.size)
            last_byte[0] = max(last_byte[0], end)
        index, base = packet.stream.index, packet.time_base
        decoded = to_seconds(packet.dts if packet.dts is not None else packet.pts, base)
        if decoded is None or packet.is_discard:
            yield index
            continue
        shown = to_seconds(packet.pts, base)
        start = decoded if shown is None else shown
        yield PacketTimes(index, decoded, start, start + length_of(packet))
