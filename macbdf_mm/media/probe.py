"""What a media file really holds, as far as can be told without decoding it all."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from macbdf_mm.media.container import read_packets, to_seconds
from macbdf_mm.media.pyav_reader import PyAVReader

# The end of a long file is looked at in a tail of this length.
_TAIL_SECONDS = 15.0


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds; time starts with the first frame, or the sound of a file without.

    Attributes:
        has_video: Whether a frame decodes.
        has_audio: Whether sound decodes; a silent track is one.
        duration_seconds: Until the last packet that is really there, of either track.
        claimed_seconds: What the header says; more than ``duration_seconds`` in cut files.
        width: Of the frames as they are shown, after rotation; None without video.
        height: Likewise.
        fps: Average frames a second; None without video or where the file does not say.
        sample_rate: Of the sound, in Hz; None without.
        video_codec: FFmpeg's name of it; None without video.
        audio_codec: Likewise.
    """

    has_video: bool
    has_audio: bool
    duration_seconds: float
    claimed_seconds: float | None
    width: int | None
    height: int | None
    fps: float | None
    sample_rate: int | None
    video_codec: str | None
    audio_codec: str | None


def probe(path: str | Path) -> MediaInfo:
    """Return what a media file holds.

    One frame of each track is decoded; the end is taken from the packets, not the header.

    Args:
        path: The media file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    with PyAVReader(path) as reader:
        video, audio = reader.video, reader.audio
        height, width = reader.frame_size if video is not None else (None, None)
        streams = reader.container.streams
        rate = streams[video.index].average_rate if video is not None else None
        claimed = reader.container.duration
        indices = [track.index for track in (video, audio) if track is not None]
        return MediaInfo(
            has_video=video is not None,
            has_audio=audio is not None,
            duration_seconds=_last_end(reader.container, indices) - reader.zero_seconds,
            claimed_seconds=None if claimed is None else claimed / av.time_base,
            width=width,
            height=height,
            fps=float(rate) if rate else None,
            sample_rate=audio.first_frame.sample_rate if audio is not None else None,
            video_codec=streams[video.index].codec_context.name if video is not None else None,
            audio_codec=streams[audio.index].codec_context.name if audio is not None else None,
        )


def _last_end(container: InputContainer, indices: list[int]) -> float:
    """Return when the last packet that the file holds ends, on the container's clock."""
    start = container.start_time or 0
    if container.duration is not None and container.duration / av.time_base > 2 * _TAIL_SECONDS:
        tail = start + container.duration - round(_TAIL_SECONDS * av.time_base)
        end = _end_after(container, indices, tail)
        if end is not None:
            return end
    # A short file, or one whose header claims a tail that is not there: read through it all.
    end = _end_after(container, indices, start)
    return start / av.time_base if end is None else end


def _end_after(container: InputContainer, indices: list[int], offset: int) -> float | None:
    """Return the end of the last packet from ``offset`` (microseconds) on, None if none is."""
    try:
        container.seek(offset)
    except (av.error.FFmpegError, OSError):
        return None
    ends = []
    for packet in read_packets(container, [container.streams[index] for index in indices]):
        timestamp = packet.pts if packet.pts is not None else packet.dts
        seconds = to_seconds(timestamp, packet.time_base)
        if seconds is not None and packet.size:
            ends.append(seconds + (to_seconds(packet.duration, packet.time_base) or 0.0))
    return max(ends, default=None)
