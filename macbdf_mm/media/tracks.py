"""The tracks of a media file, and how they are found among its streams."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.stream import Stream

from macbdf_mm.media.frame_conversion import upright_size
from macbdf_mm.media.packets import decode_packet, to_seconds

# A stream of which so many seconds do not decode is damaged.
_MAX_DAMAGED_SECONDS = 30.0
# What was read of the sound before its first use is kept up to this size.
_MAX_OPENING_BYTES = 64 * 2**20
# How long a frame is shown when neither stream nor frame says so (Ogg's rate can be 0/0).
_FALLBACK_STEP_SECONDS = 0.04


@dataclass(frozen=True)
class Track:
    """A stream of which a frame decodes.

    Attributes:
        index: Of the stream in the file.
        codec: FFmpeg's name of its decoder.
        first_frame: The first that decodes.
        first_seconds: When that is shown, on the file's clock.
        stated_start_seconds: When the stream says that it starts, None where it does not say.
        rate: Frames a second of a video on average, None for sound and where it is not known.
    """

    index: int
    codec: str
    first_frame: Any
    first_seconds: float
    stated_start_seconds: float | None
    rate: Fraction | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a video as it is shown, that is, after rotation."""
        return upright_size(self.first_frame)

    @property
    def sample_rate(self) -> int:
        """Samples a second of a sound, in Hz."""
        return int(self.first_frame.sample_rate)

    @property
    def usual_step_seconds(self) -> float:
        """From one frame of a video to the next."""
        return float(1 / self.rate) if self.rate else _FALLBACK_STEP_SECONDS


@dataclass
class Opening:
    """What the search for the first frames has read of a sound, and the walk that goes on.

    Nobody else can decode it from the start: a seek back does not give a new decoder.
    """

    walk: Iterator[Packet]
    frames: list[Any] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)


@dataclass(frozen=True)
class FoundTracks:
    """What a search for tracks has found.

    Attributes:
        tracks: By the index of the stream.
        openings: What was read of the sounds among them, by index; none where that is too much.
        empty: Of the streams of which nothing decodes.
    """

    tracks: dict[int, Track]
    openings: dict[int, Opening]
    empty: frozenset[int]


def find_tracks(
    candidates: Sequence[Sequence[Stream]],
    walk: Iterator[Packet],
    seconds_of: Callable[[Any], float | None],
    empty: frozenset[int],
) -> FoundTracks:
    """Return the tracks of a file, until the preferred one of each kind is among them.

    Args:
        candidates: The streams of each kind, in the order of preference.
        walk: Packets from the start of the file, by new decoders. It is left where the search ends.
        seconds_of: When a frame is shown.
        empty: Streams in which nothing was found before.
    """
    streams = [s for kind in candidates for s in kind if s.index not in empty]
    tracks: dict[int, Track] = {}
    begins: dict[int, float] = {}
    damaged = set(empty)
    openings = {s.index: Opening(walk) for s in streams if s.type == "audio"}
    num_bytes = 0
    for packet in walk:
        index = packet.stream.index
        if index in openings and index in tracks:
            openings[index].packets.append(packet)
            num_bytes += packet.size
            if num_bytes > _MAX_OPENING_BYTES:
                openings.clear()
        if all(_is_settled(kind, set(tracks), damaged) for kind in candidates):
            break
        if index in tracks or index in damaged:
            continue
        frames = decode_packet(packet.stream, packet)
        if frames:
            tracks[index] = _track_of(packet.stream, frames[0], seconds_of)
        if index in openings:
            openings[index].frames += frames
        seconds = to_seconds(packet.dts, packet.time_base)
        if seconds is not None and seconds > begins.setdefault(index, seconds) + (
            _MAX_DAMAGED_SECONDS
        ):
            damaged.add(index)
    else:
        damaged.update(s.index for s in streams if s.index not in tracks)
    for stream in streams:
        # A decoder that holds frames back for reordering gives them up at the end.
        if stream.index not in tracks:
            frames = decode_packet(stream, None)
            if frames:
                tracks[stream.index] = _track_of(stream, frames[0], seconds_of)
            openings.pop(stream.index, None)
    return FoundTracks(tracks, openings, frozenset(damaged - set(tracks)))


def _track_of(stream: Stream, first_frame: Any, seconds_of: Callable[[Any], float | None]) -> Track:
    return Track(
        index=stream.index,
        codec=stream.codec_context.name,
        first_frame=first_frame,
        first_seconds=seconds_of(first_frame) or 0.0,
        stated_start_seconds=to_seconds(stream.start_time, stream.time_base),
        rate=getattr(stream, "average_rate", None),
    )


def _is_settled(streams: Sequence[Stream], found: set[int], damaged: set[int]) -> bool:
    """Return whether the first of the streams that is not damaged is found, or there is none."""
    return next((s.index in found for s in streams if s.index not in damaged), True)
