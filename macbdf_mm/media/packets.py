"""What a packet says of its time, and what it decodes to."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.packet import Packet

# Lengths of packets that are counted in 32 bits are negative from here on.
_OVERFLOWN_TICKS = 2**31


def to_seconds(timestamp: int | None, time_base: Fraction | None) -> float | None:
    """Return a timestamp of a stream in seconds, None if either part is unknown."""
    if timestamp is None or time_base is None:
        return None
    # In integers: this runs for every packet, and Fraction's product is ten times slower.
    return timestamp * time_base.numerator / time_base.denominator


def length_of(packet: Packet) -> float:
    """Return for how many seconds a packet is shown or sounds by its own word, 0 if it has none.

    FFmpeg makes up lengths that overflow, such as those of the last packets of Vorbis in Ogg.
    """
    if not packet.duration or packet.duration >= _OVERFLOWN_TICKS:
        return 0.0
    return to_seconds(packet.duration, packet.time_base) or 0.0


def shift_packet(packet: Packet, shifts: Sequence[tuple[int, float]], ordinal: int) -> None:
    """Move a packet behind the parts of the file before it."""
    seconds = next((shift for first, shift in reversed(shifts) if first <= ordinal), 0.0)
    if seconds and packet.time_base is not None:
        ticks = round(seconds / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


def decode_packet(stream: Any, packet: Packet | None) -> Any:
    """Return the frames that a packet completes, none if it is damaged; None flushes."""
    try:
        return decode_strictly(stream, packet)
    except MemoryError:
        raise
    except (av.error.FFmpegError, EOFError):
        return []


def decode_strictly(stream: Any, packet: Packet | None) -> Any:
    """Return the same, or raise FFmpeg's error.

    A packet without content completes none: decoders would take it for the end.
    """
    if packet is not None:
        return stream.codec_context.decode(packet) if packet.size else []
    frames = stream.codec_context.decode(None)
    for frame in frames:
        # PyAV takes it from the packet, and here there is none.
        frame.time_base = stream.time_base
    return frames
