"""One walk through the pictures of a file, for windows that follow each other and overlap.

What it gives is what :func:`~macbdf_mm.media.frames.read_frames` gives for each window by itself,
but each picture is decoded and converted once. Where that cannot be promised, as in damaged files,
it gives nothing.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Sequence

import av
import numpy as np
import numpy.typing as npt
from av.packet import Packet

from macbdf_mm.media import limits
from macbdf_mm.media.frame_conversion import FrameConverter, shrunk_size
from macbdf_mm.media.frame_plan import CAN_SKIP, MAX_WAITING_BYTES
from macbdf_mm.media.frames import ROUNDING_SECONDS
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import decode_strictly, length_of, to_seconds
from macbdf_mm.media.tracks import Track

Times = npt.NDArray[np.float64]

# Beyond a gap of this length, a seek costs less than reading on.
_MAX_GAP_SECONDS = 10.0
# Of converted pictures that a later window shows as well: eight of 4K.
_MAX_KEPT_BYTES = 256 * 2**20
# Windows of up to 16 pictures of 1080p in all stay in memory for pictures that later ones show.
_MAX_SHARED_BYTES = 96 * 2**20


class FrameWalk:
    """Gives the frames of one window after another, and decodes each once.

    Args:
        file: A file with video; nothing else is read from it meanwhile.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.
    """

    def __init__(self, file: MediaFile, short_side: int | None = None) -> None:
        if file.video is None:
            raise ValueError(f"{file.path} has no video.")
        self._file = file
        self._video = file.video
        self._converter = FrameConverter(shrunk_size(file.video.size, short_side))
        self._run: _Run | None = None

    def read(
        self, times_seconds: Times, later: Sequence[Times] = ()
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]] | None:
        """Return the frames that are shown at the given times, and which of them exist.

        Args:
            times_seconds: Ascending, not earlier than those before; zero is the first frame.
            later: The times of the next windows, up to the first that does not overlap.

        Returns:
            As :func:`~macbdf_mm.media.frames.read_frames` does; None where that has to be asked.
        """
        shift = self._file.zero_seconds + ROUNDING_SECONDS
        wanted, later = times_seconds + shift, [times + shift for times in later]
        if self._run is None or not self._run.reaches(float(wanted[0])):
            self._run = _begin(self._file, self._video, float(wanted[0]), self._converter)
        found = None if self._run is None else self._run.read(wanted, later)
        if found is None:
            self._run = None
        return found


def _begin(
    file: MediaFile, video: Track, from_seconds: float, converter: FrameConverter
) -> "_Run | None":
    """Return a walk that begins at a key frame before a moment; None without one."""
    if not file.has_presentation_times:
        return None
    start = max(from_seconds, video.first_seconds)
    for _ in _places_before(file, video, start):
        packets = file.packets_of(video, math.inf)
        first = next((packet for packet in packets if packet.is_keyframe), None)
        shown = None if first is None else to_seconds(first.pts, first.time_base)
        if first is not None and shown is not None and shown <= start:
            return _Run(file, video, first, packets, converter)
    return None


def _places_before(file: MediaFile, video: Track, seconds: float) -> Iterator[None]:
    """Yield after each seek to a place before a moment, at last with the file at its start."""
    yield from file.seek_before(video, seconds)
    # No seek leads to the start of a transport stream, where its only key frame may be.
    file.restart()
    yield


class _Run:
    """A walk from a key frame on, which ends where anything is odd."""

    def __init__(
        self,
        file: MediaFile,
        video: Track,
        first: Packet,
        packets: Iterator[Packet],
        converter: FrameConverter,
    ) -> None:
        self._file, self._video, self._converter = file, video, converter
        self._stream = file.stream(video)
        self._can_skip = self._stream.codec_context.name in CAN_SKIP
        self._packets = packets
        self._waiting: deque[Packet] = deque()  # For the decoder.
        self._waiting_bytes = 0
        self._shown: list[int] = []  # Timestamps of pictures that are shown, ascending.
        self._last_pts = self._end_seconds = -math.inf  # Of the last of them.
        self._decoded_at = -math.inf  # Of the packet that was read last.
        self._is_read = self._is_drained = self._is_odd = False
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}
        self._undecided: list[av.VideoFrame] = []
        self._latest_pts = -math.inf  # Of what came out of the decoder.
        self._from_seconds = -math.inf
        self._take(first)

    def reaches(self, seconds: float) -> bool:
        """Return whether to go on to a moment, instead of seeking it."""
        return self._from_seconds <= seconds <= self._decoded_at + _MAX_GAP_SECONDS

    def read(
        self, wanted: Times, later: Sequence[Times]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]] | None:
        """Return what :meth:`FrameWalk.read` does; all times are on the file's clock."""
        self._from_seconds = float(wanted[0])
        self._read_up_to(max(float(times[-1]) for times in (wanted, *later)))
        if self._is_odd:
            return None
        now = self._positions(wanted)
        soon = {pts for times in later for pts in self._positions(times)}
        size = self._converter.size
        if len(soon) * math.prod(size) * 3 > _MAX_KEPT_BYTES:
            return None
        limits.check_clip_bytes(self._file.path, len(wanted), size)
        frames = np.zeros((len(wanted), *size, 3), np.uint8)
        valid = np.zeros(len(wanted), np.bool_)
        missing = set(now)
        for pts, image in self._kept.items():
            if pts in missing:
                frames[now[pts]], valid[now[pts]] = image, True
                missing.discard(pts)
        self._kept = {pts: image for pts, image in self._kept.items() if pts in soon}
        # As many windows as overlap can stay at a time.
        num_overlapping = sum(float(times[0]) <= float(wanted[-1]) for times in later)
        is_small = frames.nbytes * num_overlapping <= _MAX_SHARED_BYTES

        def deliver(frame: av.VideoFrame, pts: int) -> None:
            image = self._converter.to_rgb(frame, frames[now[pts][0]] if pts in missing else None)
            if pts in missing:
                frames[now[pts][1:]], valid[now[pts]] = image, True
                missing.discard(pts)
            if pts in soon:
                # Part of the frames of this window, which then stay in memory, or a copy.
                self._kept[pts] = image if is_small else image.copy()

        # Windows behind those that are known show nothing that comes before this. Where all of
        # these overlap, none is behind them.
        goes_on = bool(later) and float(later[-1][0]) > float(wanted[-1])
        decided_until = float(later[-1][0]) if goes_on else math.inf
        coming, self._undecided = self._undecided, []
        while True:
            for frame in coming:
                pts = frame.pts or 0
                if pts in missing or pts in soon:
                    deliver(frame, pts)
                elif self._seconds(pts) > decided_until:
                    self._undecided.append(frame)
            if not missing:
                break
            if min(missing) <= self._latest_pts:
                # It did not come out in its turn, or before it was known to be wanted.
                return None
            needed = missing | (soon - self._kept.keys())
            decoded = self._decode_next(needed, decided_until)
            if decoded is None:
                return None
            coming = decoded
        if now:
            del self._shown[: bisect_left(self._shown, min(now))]
        return frames, valid

    def _seconds(self, pts: int) -> float:
        return to_seconds(pts, self._stream.time_base) or 0.0

    def _read_up_to(self, seconds: float) -> None:
        """Read until all packets that are shown at or before a moment are there."""
        while self._decoded_at <= seconds and self._read_one():
            pass

    def _read_one(self) -> bool:
        """Return whether another packet was read."""
        packet = None if self._is_read or self._is_odd else next(self._packets, None)
        if packet is None:
            self._is_read = True
            return False
        self._take(packet)
        return True

    def _take(self, packet: Packet) -> None:
        pts, decoded_at = packet.pts, to_seconds(packet.dts, packet.time_base)
        index = 0 if pts is None else bisect_left(self._shown, pts)
        is_repeated = self._shown[index : index + 1] == [pts]
        self._waiting_bytes += packet.size
        if (
            pts is None
            or (decoded_at is not None and decoded_at < self._decoded_at)
            or is_repeated
            or pts <= self._latest_pts
            or self._waiting_bytes > MAX_WAITING_BYTES
        ):
            self._is_odd = True
            return
        if decoded_at is not None:  # Matroska does not say it of the first few after a seek.
            self._decoded_at = decoded_at
        self._waiting.append(packet)
        if packet.is_discard:
            return
        if packet.size:
            self._shown.insert(index, pts)
        if pts > self._last_pts:
            length = length_of(packet) or self._video.usual_step_seconds
            self._last_pts, self._end_seconds = pts, self._seconds(pts) + length

    def _positions(self, wanted: Times) -> dict[int, npt.NDArray[np.int64]]:
        """Return which of the wanted times show a picture, by its timestamp."""
        if not self._shown:
            return {}
        shown_from = np.array([self._seconds(pts) for pts in self._shown])
        end = self._file.last_picture_end(self._video, self._end_seconds)
        indices = np.searchsorted(shown_from, wanted, side="right") - 1  # (T,)
        exists = (indices >= 0) & (wanted < end)
        return {
            self._shown[index]: np.flatnonzero(exists & (indices == index))
            for index in np.unique(indices[exists])
        }

    def _decode_next(
        self, needed: Collection[int], decided_until: float
    ) -> list[av.VideoFrame] | None:
        """Return what the next packet completes; None where anything is odd, or at the end."""
        self._leave_out_before(needed)
        if not self._waiting and not self._read_one() and (self._is_odd or self._is_drained):
            return None
        packet = self._waiting.popleft() if self._waiting else None
        if packet is None:
            self._is_drained = True
        else:
            self._waiting_bytes -= packet.size
            if self._can_skip:
                is_open = self._seconds(packet.pts or 0) > decided_until
                is_needed = is_open or packet.pts in needed
                self._stream.codec_context.skip_frame = "DEFAULT" if is_needed else "NONREF"
        try:
            frames: list[av.VideoFrame] = list(decode_strictly(self._stream, packet))
        except MemoryError:
            raise
        except (av.error.FFmpegError, EOFError):
            return None
        for frame in frames:
            if frame.pts is None or frame.is_corrupt or frame.pts <= self._latest_pts:
                return None
            self._latest_pts = frame.pts
        return frames

    def _leave_out_before(self, needed: Collection[int]) -> None:
        """Drop packets before a key frame if no picture from before it is needed."""
        first = min(needed)
        keys = [
            index
            for index, packet in enumerate(self._waiting)
            if index and packet.is_keyframe and not packet.is_discard and (packet.pts or 0) <= first
        ]
        if not keys:
            return
        for _ in range(keys[-1]):
            self._waiting_bytes -= self._waiting.popleft().size
        self._stream.codec_context.flush_buffers()
