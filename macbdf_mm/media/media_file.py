"""An opened media file: its tracks, its clock, and the way through its packets and frames."""

import ctypes
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.frame import Frame
from av.packet import Packet
from av.stream import Disposition, Stream

try:
    from av.stream import Discard
except ImportError:  # PyAV 17.1
    Discard = None  # type: ignore[assignment,misc]

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.media.box_scan import (
    first_part_end,
    has_joined_pieces,
    may_start_anew,
    page_end,
)
from macbdf_mm.media.clock import Clock, PacketTimes, put_in_order, runs_on
from macbdf_mm.media.frame_conversion import upright_size

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
# A stream of which so many seconds do not decode is damaged.
_MAX_DAMAGED_SECONDS = 30.0
# How far the file may run ahead before a stream is asked whether it has ended. Files interleave
# within a second or two; without a bound a sound track that ends early would have a whole
# film read to its end for every span.
_MAX_INTERLEAVE_SECONDS = 10.0
# Of so many files it is remembered what only a walk through all of their packets tells.
_NUM_REMEMBERED = 256
# Blocks of 64 pixels fill up a picture of 32,768 pixels on one side by no more than this.
_MAX_FILLING_PIXELS = 64 * 32_768
# For opening, and again for each packet: a damaged index can have FFmpeg search for minutes.
_TIME_LIMIT_SECONDS = 30.0
# How much earlier to seek when the first seek did not land before the wanted time.
_SEEK_LEADS_SECONDS = (0.0, 2.0, 10.0)
# Encoders of these leave out repetitions of the last picture: it goes on with the sound, so long.
_REPEATING_CODECS = frozenset({"theora"})
_MAX_REPEATED_SECONDS = 1.0
# FFmpeg's own order of the channels of a sound, as far as it has names of two and three letters.
_CHANNEL_ORDER = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
# What was read of the sound before its first use is kept up to this size.
_MAX_OPENING_BYTES = 64 * 2**20
# Lengths of packets that are counted in 32 bits are negative from here on.
_OVERFLOWN_TICKS = 2**31
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
class _Opening:
    """What the search for the first frames has read of a sound, and the walk that goes on.

    Nobody else can decode it from the start: a seek back does not give a new decoder.
    """

    walk: Iterator[Packet]
    frames: list[Any] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)


class MediaFile:
    """A media file, opened once for all that is asked of it; also a context manager.

    Its clock is that of the container. All packets come out of :meth:`read_packets`, and all
    times out of :meth:`seconds_of` and :func:`to_seconds`. Reading moves the place in the file,
    so only one walk through it can be under way at a time.

    Args:
        path: A file on disk; addresses of network streams are not opened.

    Attributes:
        path: The file.
        container: FFmpeg's handle of it; another one after :meth:`restart`.
        num_damaged: Of the pictures and the packets of sound that were asked for, those that are
            damaged by the word of their decoders.
        damaged_seconds: Of the packets that did not decode in the latest walk of :meth:`decode`.
        held_until_seconds: Until when packets without content, among those that were decoded, show
            the picture before them.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If the file is empty or no audio or video file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.container = _open_container(self.path)
        self.num_damaged = 0
        self.damaged_seconds: list[float] = []
        self.held_until_seconds = -math.inf
        # Of the sound, as long as nothing else was read since.
        self._opening: _Opening | None = None

    def __enter__(self) -> "MediaFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def restart(self) -> None:
        """Stand at the start with new decoders, which a seek to the start does not give."""
        self._opening = None
        self.container.close()
        self.container = _open_container(self.path)

    @cached_property
    def _identity(self) -> tuple[Path, str, int, int]:
        """What tells this file, as it is now, from any other, and its format."""
        status = self.path.stat()
        return self.path, self.container.format.name, status.st_size, status.st_mtime_ns

    def candidates(self, kind: Literal["video", "audio"]) -> list[Stream]:
        """Return the streams of one kind that have a decoder: FFmpeg's choice, then in order.

        FFmpeg's choice is the default track. Cover pictures of sound files are left out, and sound
        that cannot be decoded safely.
        """
        streams = [
            stream
            for stream in getattr(self.container.streams, kind)
            if stream.codec_context is not None
            and not stream.disposition & Disposition.attached_pic
            and not is_unsafe(stream)
        ]
        best = self.container.streams.best(kind)
        return sorted(streams, key=lambda stream: (stream is not best, stream.index))

    @property
    def video(self) -> Track | None:
        """The first candidate for the video of which a frame decodes; None without one.

        Raises:
            UndecodableMediaError: If neither video nor audio decodes.
        """
        return self._tracks[0]

    @property
    def audio(self) -> Track | None:
        """The same for the sound."""
        return self._tracks[1]

    @property
    def zero_seconds(self) -> float:
        """The moment on the clock from which spans count: the first frame, else the sound."""
        track = self.video or self.audio
        return track.first_seconds if track is not None else 0.0

    @cached_property
    def clock(self) -> Clock:
        """How the times of the packets are to be read.

        Raises:
            UndecodableMediaError: If times start anew in fragments that an edit list hides.
        """
        return _clock_of(*self._identity)

    @property
    def has_presentation_times(self) -> bool:
        """Whether the container stores when frames are shown; AVI does not."""
        return bool(self.container.format.name != "avi")

    def stream(self, track: Track) -> Any:
        """Return FFmpeg's stream of a track."""
        return self.container.streams[track.index]

    def seconds_of(self, frame: Frame) -> float | None:
        """Return when a frame is shown on the file's clock, None if it does not say."""
        # What FFmpeg makes up for missing presentation times runs backwards where pictures are
        # reordered; the decoding times of what comes out of the decoder do not.
        if frame.pts is None or not self.has_presentation_times:
            return to_seconds(frame.dts, frame.time_base)
        return to_seconds(frame.pts, frame.time_base)

    def seek(self, track: Track, seconds: float) -> bool:
        """Return whether the file now stands at a key frame of the track before a moment."""
        if not self.clock.is_sought:
            return False
        self._attend_to_all()
        stream = self.stream(track)
        try:
            self.container.seek(round(seconds / (stream.time_base or 1)), stream=stream)
        except (av.error.FFmpegError, OSError, OverflowError):
            return False
        return True

    def seek_all(self, microseconds: int) -> bool:
        """Return whether all tracks now stand at or before a moment."""
        if not self.clock.is_sought:
            return False
        self._attend_to_all()
        try:
            self.container.seek(microseconds)
        except (av.error.FFmpegError, OSError):
            return False
        return True

    def seek_before(self, track: Track, seconds: float) -> Iterator[None]:
        """Yield after each seek to a key frame before a moment, every time further back.

        A seek may land behind the moment all the same: the caller looks, and goes on. Ends where
        a seek fails, and with the one to the start of the track.
        """
        for lead in _SEEK_LEADS_SECONDS:
            target = max(track.first_seconds, seconds - lead)
            if not self.seek(track, target):
                return
            yield
            if target == track.first_seconds:
                return

    def read_packets(self, streams: Sequence[Stream]) -> Iterator[Packet]:
        """Yield packets of the streams from where the file stands, up to damage or the end.

        A packet without content shows what is shown for longer. Where the clock starts anew
        (:attr:`clock`), the file has to stand at its start, and packets come in the order of time.
        """
        self._opening = None
        shifts = self.clock.shifts
        counts = dict.fromkeys(shifts, 0)
        for packet in _packets_up_to_damage(self.container, streams):
            index = packet.stream.index
            if index in shifts:
                _shift(packet, shifts[index], counts[index])
                counts[index] += 1
            yield packet

    def packets_of(
        self, track: Track, until_seconds: float, walk: Iterator[Packet] | None = None
    ) -> Iterator[Packet]:
        """Yield the packets of one track from where the file stands, or of a walk that goes on.

        Ends with the track, or when the file's packets are so far past ``until_seconds`` that
        none of the track can follow: 10 s, or more where the file is interleaved more widely.
        """
        limit = until_seconds + _MAX_INTERLEAVE_SECONDS
        has_reached_end = False
        for packet in walk or self.read_packets(_timed_streams(self.container)):
            # What an edit list hides has no place in time.
            seconds = None if packet.is_discard else to_seconds(packet.dts, packet.time_base)
            if seconds is not None and seconds > limit:
                if has_reached_end:
                    return
                # Looked up only here: few files have a track that ends early or comes late.
                limit = until_seconds + _MAX_INTERLEAVE_SECONDS + _interleaving_of(*self._identity)
                if seconds > limit:
                    return
            if packet.stream.index == track.index:
                has_reached_end = seconds is not None and seconds > until_seconds
                yield packet

    def decode(
        self,
        track: Track,
        from_seconds: float,
        until_seconds: float,
        walk: Iterator[Packet] | None = None,
    ) -> Iterator[Any]:
        """Yield the frames of one track from where the file stands.

        Damaged packets are left out. Ends as :meth:`packets_of` does.

        Args:
            track: The track to decode.
            from_seconds: Sound that ends before this is not decoded (a video needs all of it).
            until_seconds: The last moment of interest, on the file's clock.
            walk: The packets, instead of those from where the file stands.
        """
        stream = self.stream(track)
        self.damaged_seconds = []
        for packet in self.packets_of(track, until_seconds, walk):
            if stream.type == "audio" and _ends_before(packet, from_seconds):
                continue
            if not packet.size and stream.type == "video":
                end = (to_seconds(packet.dts, packet.time_base) or 0.0) + length_of(packet)
                self.held_until_seconds = max(self.held_until_seconds, end)
            try:
                yield from decode_strictly(stream, packet)
            except MemoryError:
                raise
            except (av.error.FFmpegError, EOFError):
                timestamp = packet.dts if packet.pts is None else packet.pts
                self.damaged_seconds.append(to_seconds(timestamp, packet.time_base) or 0.0)
        yield from decode_packet(stream, None)

    def count_damage(self, from_seconds: float, until_seconds: float, num_pictures: int) -> None:
        """Count damaged pictures, and packets of the latest walk that did not decode in a span."""
        packets = [at for at in self.damaged_seconds if from_seconds <= at < until_seconds]
        self.num_damaged += num_pictures + len(packets)

    def last_picture_end(self, video: Track, stated_seconds: float) -> float:
        """Return until when a picture is shown that no other follows, by what it states itself."""
        end = max(stated_seconds, self.held_until_seconds)
        duration = self.container.duration
        if video.codec not in _REPEATING_CODECS or duration is None:
            return end
        file_end = ((self.container.start_time or 0) + duration) / av.time_base
        return max(end, min(file_end, end + _MAX_REPEATED_SECONDS))

    def decode_from(self, track: Track, from_seconds: float, until_seconds: float) -> Iterator[Any]:
        """Return the frames of one track, the first one not later than ``from_seconds``.

        Seeks, checks where it landed, and tries further back. Where no seek leads there, the
        whole file is decoded from its start.

        Args:
            track: The track to decode.
            from_seconds: The first moment of interest, on the file's clock.
            until_seconds: The last one.
        """
        for _ in self.seek_before(track, from_seconds):
            frames = self.decode(track, from_seconds, until_seconds)
            first = next((frame for frame in frames if _is_entry_point(frame)), None)
            if first is not None:
                seconds = self.seconds_of(first)
                # What sounds before the first sample of the track is stated wrongly.
                earliest = track.first_seconds if isinstance(first, av.AudioFrame) else -math.inf
                latest = max(from_seconds, track.first_seconds)
                if seconds is None or earliest <= seconds <= latest:
                    return chain([first], frames)
        return self.decode_from_start(track, until_seconds)

    def decode_from_start(self, track: Track, until_seconds: float) -> Iterator[Any]:
        """Return the frames of one track from its very first packet, by a new decoder."""
        self.damaged_seconds = []
        opening, self._opening = self._opening, None
        if opening is None or track is not self.audio:
            self.restart()
            opening = _Opening(self.read_packets(_timed_streams(self.container)))
        self._attend_to(track)
        walk = chain(opening.packets, opening.walk)
        return chain(opening.frames, self.decode(track, -math.inf, until_seconds, walk))

    def _attend_to(self, track: Track) -> None:
        """Have FFmpeg leave out what is stored of other tracks, where an index tells it apart."""
        if Discard is not None and "mp4" in self.container.format.name.split(","):
            for stream in self.container.streams:
                stream.discard = Discard.default if stream.index == track.index else Discard.all

    def _attend_to_all(self) -> None:
        self._opening = None
        if Discard is not None:
            for stream in self.container.streams:
                stream.discard = Discard.default

    @cached_property
    def _tracks(self) -> tuple[Track | None, Track | None]:
        """Video and sound; found by reading from the start, so before anything else is read."""
        kinds = self.candidates("video"), self.candidates("audio")
        openings: dict[int, _Opening] = {}
        firsts = self._first_frames(kinds, openings)
        video, audio = (
            next((firsts[s.index] for s in streams if s.index in firsts), None) for streams in kinds
        )
        self._opening = openings.get(audio.index) if audio is not None else None
        if video is not None:
            limits.check_pixels(self.path, *video.size)
        else:
            # The sound alone must not be taken for the whole file.
            for stream in kinds[0]:
                codec: Any = stream.codec_context
                limits.check_pixels(self.path, codec.height, codec.width)
        if audio is not None:
            limits.check_sample_rate(self.path, audio.sample_rate)
        if video is None and audio is None:
            raise UndecodableMediaError(
                f"{self.path} holds neither video nor audio that can be decoded; "
                "it may be truncated or damaged."
            )
        return video, audio

    def _first_frames(
        self, candidates: Sequence[Sequence[Stream]], openings: dict[int, _Opening]
    ) -> dict[int, Track]:
        """Return the tracks by index, until the preferred one of each kind is among them.

        What is read of the sounds meanwhile is added to ``openings``, by index as well.
        """
        empty = _empty_streams.get(self._identity, frozenset())
        streams = [s for kind in candidates for s in kind if s.index not in empty]
        tracks: dict[int, Track] = {}
        begins: dict[int, float] = {}
        damaged = set(empty)
        walk = self.read_packets(streams)
        openings.update({s.index: _Opening(walk) for s in streams if s.type == "audio"})
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
            frames = self._keep_first(tracks, packet.stream, packet)
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
                self._keep_first(tracks, stream, None)
        if len(_empty_streams) < _NUM_REMEMBERED:
            # Such a stream has much of the file read: not again for each span.
            _empty_streams[self._identity] = frozenset(damaged - set(tracks))
        return tracks

    def _keep_first(
        self, tracks: dict[int, Track], stream: Stream, packet: Packet | None
    ) -> list[Any]:
        frames: list[Any] = decode_packet(stream, packet)
        if frames:
            tracks[stream.index] = Track(
                index=stream.index,
                codec=stream.codec_context.name,
                first_frame=frames[0],
                first_seconds=self.seconds_of(frames[0]) or 0.0,
                stated_start_seconds=to_seconds(stream.start_time, stream.time_base),
                rate=getattr(stream, "average_rate", None),
            )
        return frames


_empty_streams: dict[tuple[Path, str, int, int], frozenset[int]] = {}


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


def _open_container(path: Path) -> InputContainer:
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
            stream.codec_context.options = {"max_pixels": _decoded_pixels()}
    return container


def _packets_up_to_damage(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet]:
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


@lru_cache(maxsize=_NUM_REMEMBERED)
def _clock_of(path: Path, format_name: str, num_bytes: int, changed_ns: int) -> Clock:
    part_end = first_part_end(path, format_name)
    clock = Clock(unread_share=0.0 if part_end is None else 1.0 - part_end / num_bytes)
    if has_joined_pieces(path, format_name):
        # FFmpeg's index then holds hidden packets in between, at times that others have.
        return replace(clock, is_sought=False)
    if not may_start_anew(path, format_name):
        return clock
    last_byte = [0]
    with _open_container(path) as container:
        steady = runs_on(_packet_times(container, last_byte))
    if not steady:
        with _open_container(path) as container:
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


@lru_cache(maxsize=_NUM_REMEMBERED)
def _interleaving_of(path: Path, format_name: str, num_bytes: int, changed_ns: int) -> float:
    """Return by how much a file runs ahead of a track whose packets are still to come."""
    by_index = bool(set(format_name.split(",")) & {"mp4", "avi"})
    if by_index and _clock_of(path, format_name, num_bytes, changed_ns).is_sought:
        # In the order of time, wherever the packets lie.
        return 0.0
    latest, furthest = -math.inf, 0.0
    with _open_container(path) as container:
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
    for packet in _packets_up_to_damage(container, _timed_streams(container)):
        if last_byte is not None and packet.pos is not None:
            # Of Ogg, the place is that of the page.
            end = packet.pos if container.format.name == "ogg" else packet.pos + packet.size
            last_byte[0] = max(last_byte[0], end)
        index, base = packet.stream.index, packet.time_base
        decoded = to_seconds(packet.dts if packet.dts is not None else packet.pts, base)
        if decoded is None or packet.is_discard:
            yield index
            continue
        shown = to_seconds(packet.pts, base)
        start = decoded if shown is None else shown
        yield PacketTimes(index, decoded, start, start + length_of(packet))


def _shift(packet: Packet, shifts: Sequence[tuple[int, float]], ordinal: int) -> None:
    """Move a packet behind the parts of the file before it."""
    seconds = next((shift for first, shift in reversed(shifts) if first <= ordinal), 0.0)
    if seconds and packet.time_base is not None:
        ticks = round(seconds / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks


def _is_settled(streams: Sequence[Stream], found: set[int], damaged: set[int]) -> bool:
    """Return whether the first of the streams that is not damaged is found, or there is none."""
    return next((s.index in found for s in streams if s.index not in damaged), True)


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


def _timed_streams(container: InputContainer) -> list[Stream]:
    return [*container.streams.video, *container.streams.audio]


def _ends_before(packet: Packet, seconds: float) -> bool:
    start, length = to_seconds(packet.pts, packet.time_base), length_of(packet)
    return start is not None and length > 0 and start + length < seconds


def _is_entry_point(frame: Frame) -> bool:
    # After a seek, pictures before the first key frame refer to some that were not decoded.
    return not isinstance(frame, av.VideoFrame) or frame.key_frame
