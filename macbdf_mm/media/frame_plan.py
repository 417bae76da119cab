"""Decoding only what is needed to show the wanted frames of a video.

Which frame is shown at a moment follows from the timestamps of the packets, before any of
them is decoded. So pictures that nothing else refers to are left out unless they are wanted
themselves, and the decoder is emptied right after the last packet that matters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.packet import Packet

from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import decode_packet, length_of, to_seconds
from macbdf_mm.media.tracks import Track

# Decoders of FFmpeg that can leave out a picture to which no other refers, and in which such
# a picture is one in every sense: HEVC's may still serve a higher temporal layer.
CAN_SKIP = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video"})
# Packets wait in memory until it is known which of them matter.
MAX_WAITING_BYTES = 64 * 2**20


@dataclass(frozen=True)
class FramePlan:
    """The packets to decode for the wanted frames.

    Attributes:
        stream: The video stream.
        packets: From a key frame to the last packet that matters, in decoding order.
        positions: Which of the wanted times show a frame, by the frame's timestamp.
    """

    stream: Any
    packets: Sequence[Packet]
    positions: dict[int, npt.NDArray[np.int64]]

    def decode(self) -> Iterator[tuple[av.VideoFrame, npt.NDArray[np.int64]]]:
        """Yield each wanted frame with the indices of the times at which it is shown.

        Fewer than there are ``positions`` where packets are damaged.
        """
        remaining = dict(self.positions)
        for frame in self._decode_all():
            shown_at = remaining.pop(frame.pts, None) if frame.pts is not None else None
            if shown_at is not None:
                yield frame, shown_at
            if not remaining:
                return

    def _decode_all(self) -> Iterator[Any]:
        codec = self.stream.codec_context
        can_skip = codec.name in CAN_SKIP
        try:
            for packet in self.packets:
                if can_skip:
                    codec.skip_frame = "DEFAULT" if packet.pts in self.positions else "NONREF"
                yield from decode_packet(self.stream, packet)
            yield from decode_packet(self.stream, None)
        finally:
            codec.skip_frame = "DEFAULT"


def plan_frames(
    file: MediaFile, video: Track, wanted_seconds: npt.NDArray[np.float64]
) -> FramePlan | None:
    """Return what to decode for the frames that are shown at the wanted times.

    Args:
        file: It is left after the last packet that matters.
        video: A track of the file.
        wanted_seconds: Ascending, on the file's clock, shape (T,).

    Returns:
        The plan, or None where packets do not tell when their frames are shown, where no seek
        led to a key frame early enough, or where too much would have to wait in memory.
    """
    if not file.has_presentation_times:
        return None
    start = max(float(wanted_seconds[0]), video.first_seconds)
    for _ in file.seek_before(video, start):
        packets = _read_up_to(file, video, float(wanted_seconds[-1]))
        if packets is None:
            return None
        entry = _entry(packets, start)
        if entry is not None:
            return _plan(file, video, packets[entry:], wanted_seconds)
    return None


def _read_up_to(file: MediaFile, video: Track, seconds: float) -> list[Packet] | None:
    """Return the packets until all that are shown at or before ``seconds`` are there."""
    packets: list[Packet] = []
    num_bytes = 0
    for packet in file.packets_of(video, seconds):
        if packet.pts is None:
            return None
        num_bytes += packet.size
        if num_bytes > MAX_WAITING_BYTES:
            return None
        packets.append(packet)
        # Nothing is shown before it is decoded, so what follows is shown later still.
        decoded_at = to_seconds(packet.dts, packet.time_base)
        if decoded_at is not None and decoded_at > seconds:
            break
    return packets


def _entry(packets: Sequence[Packet], seconds: float) -> int | None:
    """Return the index of the first key frame if it is not shown after ``seconds``."""
    for index, packet in enumerate(packets):
        if packet.is_keyframe:
            shown = to_seconds(packet.pts, packet.time_base)
            return index if shown is not None and shown <= seconds else None
    return None


def _plan(
    file: MediaFile,
    video: Track,
    packets: Sequence[Packet],
    wanted_seconds: npt.NDArray[np.float64],
) -> FramePlan | None:
    stream = file.stream(video)
    # An edit list has frames decoded that are not shown; in damaged files, all of them.
    shown = [packet for packet in packets if not packet.is_discard]
    # A packet without content shows the picture before it for longer.
    by_time = {packet.pts or 0: packet for packet in shown if packet.size}
    if not by_time:
        return None
    pts = np.array(sorted(by_time), dtype=np.int64)
    shown_from = np.array([to_seconds(int(p), stream.time_base) or 0.0 for p in pts])
    last = max(shown, key=lambda packet: packet.pts or 0)
    duration = length_of(last) or video.usual_step_seconds
    end = file.last_picture_end(video, (to_seconds(last.pts, last.time_base) or 0.0) + duration)
    indices = np.searchsorted(shown_from, wanted_seconds, side="right") - 1  # (T,)
    exists = (indices >= 0) & (wanted_seconds < end)
    positions = {
        int(pts[index]): np.flatnonzero(exists & (indices == index))
        for index in np.unique(indices[exists])
    }
    if stream.codec_context.codec.intra_only or all(packet.is_keyframe for packet in packets):
        # Every picture stands alone.
        packets = [packet for packet in packets if packet.pts in positions]
    needed = [index for index, packet in enumerate(packets) if packet.pts in positions]
    return FramePlan(stream, packets[: needed[-1] + 1 if needed else 0], positions)
