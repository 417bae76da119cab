"""Reading the frames of a file, by their timestamps."""

from collections.abc import Iterator, Sequence

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.media import limits
from macbdf_mm.media.frame_conversion import FrameConverter, shrunk_size
from macbdf_mm.media.frame_plan import plan_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import to_seconds
from macbdf_mm.media.tracks import Track

ROUNDING_SECONDS = 1e-6
# For so long a picture may stand in for others that do not decode; after that there is none.
_MAX_STAND_IN_SECONDS = 0.5


def read_frames(
    file: MediaFile,
    times_seconds: Sequence[float] | npt.NDArray[np.float64],
    short_side: int | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return the frames that are shown at the given times.

    Memory holds these frames, however long the file is.

    Args:
        file: A file with video.
        times_seconds: Ascending; any number, as far apart as wanted. Zero is the first frame.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.

    Returns:
        RGB frames, shape (T, H, W, 3), uint8, and whether each exists, shape (T,). Before
        the first and after the last frame of the video there is none: zeros.

    Raises:
        ValueError: If the file has no video.
        UndecodableMediaError: If the frames would take more than the limit, 400 MB.
    """
    if file.video is None:
        raise ValueError(f"{file.path} has no video.")
    converter = FrameConverter(shrunk_size(file.video.size, short_side))
    limits.check_clip_bytes(file.path, len(times_seconds), converter.size)
    frames = np.zeros((len(times_seconds), *converter.size, 3), dtype=np.uint8)
    valid = np.zeros(len(times_seconds), dtype=np.bool_)
    if not len(times_seconds):
        return frames, valid
    # A time that misses the start of a frame by rounding belongs to that frame.
    wanted = np.asarray(times_seconds, np.float64) + file.zero_seconds + ROUNDING_SECONDS
    plan = plan_frames(file, file.video, wanted)
    if plan is not None:
        num_shown = num_corrupt = 0
        for frame, positions in plan.decode():
            frames[positions], valid[positions] = converter.to_rgb(frame), True
            num_shown += 1
            num_corrupt += frame.is_corrupt
        if num_shown == len(plan.positions):
            file.num_damaged += num_corrupt
            return frames, valid
        # Not all that the packets promise were there.
        frames[:], valid[:] = 0, False
    num_corrupt = 0
    for frame, times in _decode_in_order(file, file.video, wanted):
        frames[times], valid[times] = converter.to_rgb(frame), True
        num_corrupt += frame.is_corrupt
    file.count_damage(wanted[0], wanted[-1], num_corrupt)
    return frames, valid


def shown_frames(
    file: MediaFile, span_seconds: tuple[float, float]
) -> Iterator[tuple[npt.NDArray[np.uint8], float]]:
    """Yield every frame that begins to be shown in a span, and when.

    Nothing else may be read from the file meanwhile. Memory holds one frame.

    Args:
        file: The file; one without video shows no frames.
        span_seconds: Start and end, half-open.

    Returns:
        RGB frames, shape (H, W, 3), uint8, full size, with their start in seconds.
    """
    if file.video is None:
        return
    converter = FrameConverter(file.video.size)
    first, last = (edge + file.zero_seconds - ROUNDING_SECONDS for edge in span_seconds)
    for frame, start, _ in frames_with_times(file, file.video, first, last):
        if start >= last:
            return
        if start >= first:
            yield converter.to_rgb(frame), start - file.zero_seconds


def _decode_in_order(
    file: MediaFile, video: Track, wanted: npt.NDArray[np.float64]
) -> Iterator[tuple[av.VideoFrame, slice]]:
    """Yield frames with the positions of the times at which each is shown.

    All are decoded, and what does not come out leaves the frame before it shown for up to half a
    second longer.
    """
    for frame, start, end in frames_with_times(file, video, wanted[0], wanted[-1]):
        first, last = np.searchsorted(wanted, (start, end))
        if first < last:
            yield frame, slice(first, last)
        if last == len(wanted):
            return


def _shown_until(file: MediaFile, start: float, following: float) -> float:
    """Return until when a picture is shown, which may stand in for damaged ones after it."""
    damaged = [seconds for seconds in file.damaged_seconds if start < seconds < following]
    if not damaged:
        return following
    return min(following, max(start + _MAX_STAND_IN_SECONDS, min(damaged)))


def frames_with_times(
    file: MediaFile, video: Track, from_seconds: float, until_seconds: float
) -> Iterator[tuple[av.VideoFrame, float, float]]:
    """Yield frames with the moments from which and up to which each is shown."""
    step = video.usual_step_seconds
    shown, start = None, 0.0
    for frame in file.decode_from(video, from_seconds, until_seconds):
        seconds = file.seconds_of(frame)
        # A stream without any timestamps is taken to be regular.
        now = start + step if seconds is None else seconds
        if shown is not None:
            if now <= start:
                continue
            yield shown, start, _shown_until(file, start, now)
            step = now - start
        shown, start = frame, now
    if shown is not None:
        end = start + (to_seconds(shown.duration, shown.time_base) or step)
        yield shown, start, file.last_picture_end(video, end)
