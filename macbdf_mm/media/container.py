"""FFmpeg's container of a media file, opened such that a hostile file can do no harm."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.utils.jobs import is_passing

# By which names media files are recognised in a folder.
VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
SOUND_SUFFIXES = (".aac", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav")
# FFmpeg opens these too, but they are no clips: text and still images.
_NO_CLIP_FORMATS = frozenset({"tty", "image2", "ffmetadata"})
# These open other files and addresses, which the file names; before it can be asked what it is.
_LIST_FORMATS = frozenset(
    {
        *("concat", "hls", "applehttp", "dash", "imf", "webm_dash_manifest", "vobsub"),
        *("sdp", "rtp", "rtsp", "sap", "lavfi", "avisynth", "vapoursynth", "image2pipe"),
    }
)
# Blocks of 64 pixels fill up a picture of 32,768 pixels on one side by no more than this.
_MAX_FILLING_PIXELS = 64 * 32_768
# For opening, and again for each packet: a damaged index can have FFmpeg search for minutes.
_TIME_LIMIT_SECONDS = 30.0
# FFmpeg's own order of the channels of a sound, as far as it has names of two and three letters.
_CHANNEL_ORDER = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)


def open_container(path: Path) -> InputContainer:
    """Return the opened container of a media file, with decoders that keep to the limits.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If the file is empty or no audio or video file.
    """
    _check_is_file(path)
    if path.stat().st_size == 0:
        raise UndecodableMediaError(f"{path} is empty (0 bytes); fetch or copy it again.")
    try:
        # An absolute path, because FFmpeg reads `concat:x` or `http:x` as protocols.
        container = av.open(
            str(path.absolute()),
            options={
                "protocol_whitelist": "file",
                "format_whitelist": _whitelist(),
                "max_pixels": _decoded_pixels(),
            },
            metadata_errors="ignore",
            timeout=_TIME_LIMIT_SECONDS,
        )
    except MemoryError:
        raise
    except av.error.ArgumentError:
        raise UndecodableMediaError(
            f"{path} is no audio or video file: its format is unknown, or is that of lists, which "
            "name other files; those are not opened."
        ) from None
    except (av.error.FFmpegError, OSError) as error:
        if is_passing(error):
            raise UndecodableMediaError(f"{path} cannot be opened: {error.strerror}.") from error
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
    for stream in timed_streams(container):
        if stream.codec_context is not None:
            # More threads cost more time in all: the workers already use every core.
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": _decoded_pixels()}
    return container


def packets_up_to_damage(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet]:
    """Yield the packets of the streams from where a container stands, up to damage or the end."""
    packets = container.demux(list(streams))
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except MemoryError:
            raise
        except (av.error.FFmpegError, EOFError, IndexError):
            # A truncated file: what was read so far still counts. IndexError is how PyAV says
            # that damaged bytes have made FFmpeg believe in a stream that the header lacks.
            return
        # PyAV ends with a packet for each stream that asks its decoder for what it still holds.
        if packet.size or packet.pts is not None or packet.dts is not None:
            yield packet


def timed_streams(container: InputContainer) -> list[Stream]:
    """Return the streams whose packets have a place in time that matters: video and sound."""
    return [*container.streams.video, *container.streams.audio]


def is_unsafe(stream: Any) -> bool:
    """Return whether PyAV would corrupt its memory on a sound stream.

    That is so where channels come in another order than FFmpeg's own, as in QuickTime files of
    7.1 channels: PyAV copies the list of channels, and then frees it twice.
    """
    if stream.type != "audio" or stream.codec_context is None:
        return False
    layout = stream.codec_context.layout
    names = [channel.name for channel in layout.channels]
    if "(" not in layout.name and "@" not in layout.name:
        return False
    places = [_CHANNEL_ORDER.index(name) if name in _CHANNEL_ORDER else -1 for name in names]
    if places and places[0] >= 0 and all(a < b for a, b in pairwise(places)):
        return False
    # Never freed: that is what would corrupt the memory.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return True


def _check_is_file(path: Path) -> None:
    """Return if there is a regular file; a pipe or a device could be read from for ever.

    Raises:
        MissingDataError: If there is none, or anything else.
    """
    try:
        if path.is_file():
            return
    except OSError as error:  # Such as a folder that must not be entered, or a name too long.
        raise MissingDataError(f"{path} cannot be opened: {error.strerror}.") from error
    if path.is_dir():
        raise MissingDataError(f"{path} is a folder, expected a media file.")
    if path.is_symlink() and not path.exists():
        raise MissingDataError(f"{path} is a link to '{os.readlink(path)}', where no file is.")
    if path.exists():
        raise MissingDataError(
            f"{path} is no regular file but a pipe, a socket or a device; copy what comes out of "
            "it into a file."
        )
    raise MissingDataError(f"No file at {path}; check the path.")


@cache
def _whitelist() -> str:
    """Return the names of all formats that FFmpeg may open, as its option takes them.

    They differ between its versions.
    """
    names = {name for known in av.formats_available for name in known.split(",")}
    return ",".join(sorted(names - _LIST_FORMATS))


def _decoded_pixels() -> str:
    """Return how many pixels FFmpeg may decode: it counts those that fill up its blocks, too."""
    return str(limits.MAX_PIXELS + _MAX_FILLING_PIXELS)
