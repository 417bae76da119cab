"""An opened media file: its tracks, its clock, and the way through its packets and frames."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import av
from av.frame import Frame
from av.packet import Packet
from av.stream import Disposition, Stream

try:
    from av.stream import Discard
except ImportError:  # PyAV 17.1
    Discard = None  # type: ignore[assignment,misc]

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.media.clock import Clock
from macbdf_mm.media.container import (
    is_unsafe,
    open_container,
    packets_up_to_damage,
    timed_streams,
)
from macbdf_mm.media.file_scan import NUM_REMEMBERED, clock_of, interleaving_of
from macbdf_mm.media.packets import (
    decode_packet,
    decode_strictly,
    length_of,
    shift_packet,
    to_seconds,
)
from macbdf_mm.media.tracks import Opening, Track, find_tracks

# How far the file may run ahead before a stream is asked whether it has ended. Files interleave
# within a second or two; without a bound a sound track that ends early would have a whole
# film read to its end for every span.
_MAX_INTERLEAVE_SECONDS = 10.0
# How much earlier to seek when the first seek did not land before the wanted time.
_SEEK_LEADS_SECONDS = (0.0, 2.0, 10.0)
# Encoders of these leave out repetitions of the last picture: it goes on with the sound, so long.
_REPEATING_CODECS = frozenset({"theora"})
_MAX_REPEATED_SECONDS = 1.0
_empty_streams: dict[tuple[Path, str, int, int], frozenset[int]] = {}


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
        self.container = open_container(self.path)
        self.num_damaged = 0
        self.damaged_seconds: list[float] = []
        self.held_until_seconds = -math.inf
        # Of the sound, as long as nothing else was read since.
        self._opening: Opening | None = None

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
        self.container = open_container(self.path)

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
        first = track.first_seconds if track is not None else 0.0
        # In fragments, FFmpeg does not say which pictures an edit list hides: those before 0.
        return max(0.0, first) if self._is_mp4 else first

    @cached_property
    def clock(self) -> Clock:
        """How the times of the packets are to be read.

        Raises:
            UndecodableMediaError: If times start anew in fragments that an edit list hides.
        """
        return clock_of(*self._identity)

    @cached_property
    def _is_sought(self) -> bool:
        """Whether a seek leads to what it says."""
        if self.container.format.name in ("wav", "w64"):
            # FFmpeg works out times after a seek by a bit rate, which is not that of ADPCM.
            names = [stream.codec_context.name for stream in self.candidates("audio")]
            return not any(name.startswith("adpcm_") for name in names)
        return self.clock.is_sought

    @property
    def has_presentation_times(self) -> bool:
        """Whether the container stores when frames are shown; AVI does not."""
        return bool(self.container.format.name != "avi")

    @property
    def _is_mp4(self) -> bool:
        return "mp4" in self.container.format.name.split(",")

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
        if not self._is_sought:
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
        if not self._is_sought:
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
        for packet in packets_up_to_damage(self.container, streams):
            index = packet.stream.index
            if index in shifts:
                shift_packet(packet, shifts[index], counts[index])
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
        latest: float | None = None
        for packet in walk or self.read_packets(timed_streams(self.container)):
            # What an edit list hides has no place in time.
            seconds = None if packet.is_discard else to_seconds(packet.dts, packet.time_base)
            if seconds is not None and seconds > limit:
                if has_reached_end:
                    return
                if latest is not None and seconds > latest + _MAX_INTERLEAVE_SECONDS:
                    # All tracks paused, and this one may go on behind the others.
                    limit = seconds
                else:
                    # Looked up only here: few files have a track that ends early or comes late.
                    limit = until_seconds + interleaving_of(*self._identity)
                limit += _MAX_INTERLEAVE_SECONDS
                if seconds > limit:
                    return
            if seconds is not None:
                latest = seconds if latest is None else max(latest, seconds)
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
            opening = Opening(self.read_packets(timed_streams(self.container)))
        self._attend_to(track)
        walk = chain(opening.packets, opening.walk)
        return chain(opening.frames, self.decode(track, -math.inf, until_seconds, walk))

    def _attend_to(self, track: Track) -> None:
        """Have FFmpeg leave out what is stored of other tracks, where an index tells it apart."""
        if Discard is not None and self._is_mp4:
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
        empty = _empty_streams.get(self._identity, frozenset())
        walk = self.read_packets([s for kind in kinds for s in kind if s.index not in empty])
        found = find_tracks(kinds, walk, self.seconds_of, empty)
        if len(_empty_streams) < NUM_REMEMBERED:
            # Such a stream has much of the file read: not again for each span.
            _empty_streams[self._identity] = found.empty
        video, audio = (
            next((found.tracks[s.index] for s in streams if s.index in found.tracks), None)
            for streams in kinds
        )
        self._opening = found.openings.get(audio.index) if audio is not None else None
        if video is not None:
            limits.check_pixels(self.path, *video.size)
        else:
            # The sound alone must not be taken for the whole file.
            for stream in kinds[0]:
                codec: Any = stream.codec_context
                limits.check_pixels(self.path, codec.height, codec.width)
        if audio is not None:
            limits.check_sample_rate(self.path, audio.sample_rate)
        if not timed_streams(self.container):
            raise UndecodableMediaError(
                f"{self.path} has neither a video nor a sound stream (FFmpeg takes it for "
                f"{self.container.format.name})."
            )
        if video is None and audio is None:
            raise UndecodableMediaError(
                f"{self.path} holds neither video nor audio that can be decoded; "
                "it may be truncated or damaged."
            )
        return video, audio


def _ends_before(packet: Packet, seconds: float) -> bool:
    start, length = to_seconds(packet.pts, packet.time_base), length_of(packet)
    return start is not None and length > 0 and start + length < seconds


def _is_entry_point(frame: Frame) -> bool:
    # After a seek, pictures before the first key frame refer to some that were not decoded.
    return not isinstance(frame, av.VideoFrame) or frame.key_frame
