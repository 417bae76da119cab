"""Which streams of a file can be read: the first of each kind of which a frame decodes."""

from dataclasses import dataclass
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from macbdf_mm.media.media_file import (
    candidate_streams,
    decode_packet,
    frame_seconds,
    read_packets,
    to_seconds,
)

# A stream that shows nothing in the first so many seconds of the file counts as missing.
_MAX_LATE_START_SECONDS = 30.0


@dataclass(frozen=True)
class Track:
    """A stream that decodes: its index in the file, its first frame and when that is shown."""

    index: int
    first_frame: Any
    first_seconds: float


def find_tracks(container: InputContainer) -> tuple[Track | None, Track | None]:
    """Return the first video and the first sound track of which a frame decodes.

    Args:
        container: Newly opened; it is read from its start.
    """
    candidates = {
        "video": candidate_streams(container, "video"),
        "audio": candidate_streams(container, "audio"),
    }
    firsts = _first_frames(container, list(candidates.values()))
    video, audio = (
        next((firsts[s.index] for s in streams if s.index in firsts), None)
        for streams in candidates.values()
    )
    return video, audio


def _first_frames(container: InputContainer, candidates: list[list[Stream]]) -> dict[int, Track]:
    """Return the first frame by stream, until the preferred one of each kind has one."""
    streams = [stream for kind in candidates for stream in kind]
    preferred = {kind[0].index for kind in candidates if kind}
    limit = (container.start_time or 0) / av.time_base + _MAX_LATE_START_SECONDS
    firsts: dict[int, Track] = {}
    for packet in read_packets(container, streams):
        if preferred <= set(firsts) or (to_seconds(packet.dts, packet.time_base) or 0) > limit:
            break
        if packet.stream.index not in firsts:
            _keep_first(container, firsts, packet.stream, packet)
    for stream in streams:
        # A decoder that holds frames back for reordering gives them up at the end.
        if stream.index not in firsts:
            _keep_first(container, firsts, stream, None)
    return firsts


def _keep_first(
    container: InputContainer, firsts: dict[int, Track], stream: Stream, packet: Packet | None
) -> None:
    frames = decode_packet(stream, packet)
    if frames:
        seconds = frame_seconds(frames[0], container)
        firsts[stream.index] = Track(stream.index, frames[0], seconds or 0.0)
