"""Opening media files with FFmpeg, and walking through the frames of one stream."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.frame import Frame
from av.packet import Packet
from av.stream import Disposition, Stream

from macbdf_mm.errors import MissingDataError, UndecodableMediaError

# By which names media files are recognised in a folder.
VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
SOUND_SUFFIXES = (".aac", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav")
# FFmpeg opens these too, but they are no clips: text, still images, and playlists, which
# would make it open other files that the list names.
_NO_CLIP_FORMATS = frozenset({"tty", "image2", "concat", "hls", "dash", "ffmetadata"})
# How far the file may run ahead before a stream counts as ended. Files interleave
# within a second or two; without a bound a sound track that ends early would have a whole
# film read to its end for every span.
_MAX_INTERLEAVE_SECONDS = 10.0
# A damaged header may claim pictures of gigabytes. 8192 x 8192, as FFmpeg's decoders count.
_MAX_PIXELS = 2**26
# For opening, and again for each packet: a damaged index can have FFmpeg search for minutes.
_TIME_LIMIT_SECONDS = 30.0
# How much earlier to seek when the first seek did not land before the wanted time.
SEEK_LEADS_SECONDS = (0.0, 2.0, 10.0)


def open_container(path: str | Path) -> InputContainer:
    """Return the opened container of a media file.

    Args:
        path: A file on disk; addresses of network streams are not opened.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If the file is empty or no audio or video file.
    """
    path = Path(path)
    if path.is_dir():
        raise MissingDataError(f"{path} is a folder, expected a media file.")
    if not path.is_file():
        raise MissingDataError(f"No file at {path}; check the path.")
    if path.stat().st_size == 0:
        raise UndecodableMediaError(f"{path} is empty (0 bytes); fetch or copy it again.")
    try:
        # An absolute path, because FFmpeg reads `concat:x` or `http:x` as protocols.
        container = av.open(
            str(path.absolute()),
            options={"protocol_whitelist": "file", "max_pixels": str(_MAX_PIXELS)},
            metadata_errors="ignore",
            timeout=_TIME_LIMIT_SECONDS,
        )
    except (av.error.FFmpegError, OSError) as error:
        raise UndecodableMediaError(
            f"{path} is not a media file that FFmpeg can open, or its header is cut off: "
            f"{error.strerror}."
        ) from None
    names = set(container.format.name.split(","))
    if names & _NO_CLIP_FORMATS or any(name.endswith("_pipe") for name in names):
        container.close()
        raise UndecodableMediaError(
            f"{path} is no audio or video file (FFmpeg takes it for {container.format.name})."
        )
    for stream in _timed_streams(container):
        if stream.codec_context is not None:
            # More threads cost more time in all: the workers already use every core.
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
    return container


def candidate_streams(container: InputContainer, kind: Literal["video", "audio"]) -> list[Stream]:
    """Return the streams of one kind that have a decoder: FFmpeg's choice, then in order.

    FFmpeg's choice is the default track. Cover pictures of sound files are left out.
    """
    streams = [
        stream
        for stream in getattr(container.streams, kind)
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]
    best = container.streams.best(kind)
    return sorted(streams, key=lambda stream: (stream is not best, stream.index))


def to_seconds(timestamp: int | None, time_base: Fraction | None) -> float | None:
    """Return a timestamp of a stream in seconds, None if either part is unknown."""
    if timestamp is None or time_base is None:
        return None
    # In integers: this runs for every packet, and Fraction's product is ten times slower.
    return timestamp * time_base.numerator / time_base.denominator


def frame_seconds(frame: Frame, container: InputContainer) -> float | None:
    """Return when a frame is shown on the container's clock, None if it does not say."""
    # AVI stores no presentation times, and what FFmpeg makes up for them runs backwards where
    # pictures are reordered; the decoding times of what comes out of the decoder do not.
    if container.format.name == "avi" or frame.pts is None:
        return to_seconds(frame.dts, frame.time_base)
    return to_seconds(frame.pts, frame.time_base)


def read_packets(container: InputContainer, streams: list[Stream]) -> Iterator[Packet]:
    """Yield packets of the streams from where the container stands, up to damage or the end.

    Empty packets at the end ask the decoders for what they still hold.
    """
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, EOFError, IndexError):
            # A truncated file: what was read so far still counts. IndexError is how PyAV says
            # that damaged bytes have made FFmpeg believe in a stream that the header lacks.
            return
        yield packet


def packets_of(container: InputContainer, stream: Stream, until_seconds: float) -> Iterator[Packet]:
    """Yield the packets of one stream from where the container stands.

    Ends with the stream, or when the file's packets are 10 s past ``until_seconds``.
    """
    for packet in read_packets(container, _timed_streams(container)):
        seconds = to_seconds(packet.dts, packet.time_base)
        if seconds is not None and seconds > until_seconds + _MAX_INTERLEAVE_SECONDS:
            return
        if packet.stream.index == stream.index:
            yield packet


def decode_stream(
    container: InputContainer, stream: Stream, from_seconds: float, until_seconds: float
) -> Iterator[Frame]:
    """Yield the frames of one stream from where the container stands.

    Damaged packets are left out. Ends as :func:`packets_of` does.

    Args:
        container: Where ``stream`` belongs to.
        stream: The stream to decode.
        from_seconds: Sound that ends before this is not decoded (a video needs all of it).
        until_seconds: The last moment of interest, on the container's clock.
    """
    for packet in packets_of(container, stream, until_seconds):
        if stream.type == "audio" and _ends_before(packet, from_seconds):
            continue
        yield from decode_packet(stream, packet)
    yield from decode_packet(stream, None)


def decode_from(
    container: InputContainer,
    stream: Stream,
    from_seconds: float,
    until_seconds: float,
    first_seconds: float,
) -> Iterator[Frame] | None:
    """Return the frames of one stream, the first one not later than ``from_seconds``.

    Seeks, checks where it landed, and tries further back.

    Args:
        container: Where ``stream`` belongs to.
        stream: The stream to decode.
        from_seconds: The first moment of interest, on the container's clock.
        until_seconds: The last one.
        first_seconds: When the stream's first frame is shown.

    Returns:
        The frames, or None if no seek led there; then only decoding the newly opened file
        from its start does.
    """
    for lead in SEEK_LEADS_SECONDS:
        target = max(first_seconds, from_seconds - lead)
        if not seek(container, stream, target):
            return None
        frames = decode_stream(container, stream, from_seconds, until_seconds)
        first = next((frame for frame in frames if _is_entry_point(frame)), None)
        if first is not None:
            seconds = frame_seconds(first, container)
            if seconds is None or seconds <= max(from_seconds, first_seconds):
                return chain([first], frames)
        if target == first_seconds:
            return None
    return None


def seek(container: InputContainer, stream: Stream, seconds: float) -> bool:
    """Return whether the container now stands at a key frame of the stream before a moment."""
    try:
        container.seek(round(seconds / (stream.time_base or 1)), stream=stream)
    except (av.error.FFmpegError, OSError, OverflowError):
        return False
    return True


def decode_packet(stream: Any, packet: Packet | None) -> list[Frame]:
    """Return the frames that a packet completes, none if it is damaged; None flushes."""
    try:
        return stream.codec_context.decode(packet)
    except (av.error.FFmpegError, EOFError):
        return []


def _timed_streams(container: InputContainer) -> list[Stream]:
    return [*container.streams.video, *container.streams.audio]


def _ends_before(packet: Packet, seconds: float) -> bool:
    if packet.pts is None or not packet.duration:
        return False
    end = to_seconds(packet.pts + packet.duration, packet.time_base)
    return end is not None and end < seconds


def _is_entry_point(frame: Frame) -> bool:
    # After a seek, pictures before the first key frame refer to some that were not decoded.
    return not isinstance(frame, av.VideoFrame) or frame.key_frame
