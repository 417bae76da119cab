"""Reading frames with decord, by timestamps; the sound is never read with it."""

import re
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frame_conversion import FrameConverter, orientation_of, shrunk_size
from macbdf_mm.media.limits import check_clip_bytes
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import describe

# decord crashes or hangs on files whose index points past their end.
_MAX_OVERCLAIM_SECONDS = 0.5
# In these decord shows pictures of other moments, or broken ones after a seek.
_MISREAD_FORMATS = frozenset({"mpegts", "asf"})
# What decord makes of "no timestamp" is far below any real one.
_MIN_TIMESTAMP_SECONDS = -1e6
_ROUNDING_SECONDS = 1e-6
# MP4 and MOV, Matroska, AVI, FLV, Ogg, ASF, MPEG program streams, MXF, and transport streams.
_CONTAINER_START = re.compile(
    rb"....(?:ftyp|moov|mdat|free|skip|wide|pnot)|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|OggS"
    rb"|0&\xb2u|\0\0\x01[\xb3\xba]|\x06\x0e\x2b\x34|G.{187}G|.{4}G.{191}G",
    re.DOTALL,
)
# What FFmpeg looks for in text, before the first byte of 0.
_LIST_WORDS = re.compile(rb"#EXTM3U|ffconcat|<MPD|c=IN IP", re.IGNORECASE)
_PROBED_BYTES = 2**20


def read_frames_decord(
    file: MediaFile,
    times_seconds: Sequence[float] | npt.NDArray[np.float64],
    short_side: int | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return the frames that are shown at the given times, as ``read_frames`` does.

    Args:
        file: The media file; decord opens it once more.
        times_seconds: Ascending.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.

    Returns:
        RGB frames, shape (T, H, W, 3), uint8, and whether each exists, shape (T,).

    Raises:
        UndecodableMediaError: If the file is shorter than it claims, has no timestamps that
            decord can read, is of a kind that decord misreads, or decord gives up.
    """
    # Its import takes a while and sets up its own FFmpeg; only those who ask for it pay.
    import decord

    path = file.path
    _refuse_lists(path)
    _refuse_cut_files(file)
    _refuse_misread_files(file)
    wanted = np.asarray(times_seconds, np.float64) + _zero_on_its_clock(file) + _ROUNDING_SECONDS
    try:
        # By path: opened from memory, decord crashes the process on damaged files.
        reader = decord.VideoReader(str(path), num_threads=1)
        shown = np.asarray(reader.get_frame_timestamp(range(len(reader))), dtype=np.float64)
        _check_timestamps(path, shown)
        indices = np.searchsorted(shown[:, 0], wanted, side="right") - 1  # (T,)
        valid = (indices >= 0) & (wanted < shown[-1, 1])
        # The first frame too: some old H.264 decodes rightly only after its start was seen.
        needed = np.unique(np.concatenate([[0], indices[valid]]))
        check_clip_bytes(path, len(needed), reader[0].shape[:2])
        images = reader.get_batch(needed.tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError) as error:
        if isinstance(error, UndecodableMediaError):
            raise
        raise UndecodableMediaError(
            f"{path}: decord cannot read it ({_without_places(str(error))}); use `backend='pyav'`."
        ) from None
    size = shrunk_size(images.shape[1:3], short_side)
    frames = np.zeros((len(wanted), *size, 3), dtype=np.uint8)
    converter = FrameConverter(size)
    for position in np.flatnonzero(valid):
        image = images[np.searchsorted(needed, indices[position])]
        if image.shape[:2] != size:
            image = converter.to_rgb(av.VideoFrame.from_ndarray(image, "rgb24"))
        frames[position] = image
    return frames, valid


def _refuse_lists(path: Path) -> None:
    """Refuse what decord's older FFmpeg could take for a list of other files, and follow.

    Raises:
        UndecodableMediaError: If it begins like no container that decord is given, or like text.
    """
    with path.open("rb") as file:
        head = file.read(_PROBED_BYTES)
    text = head.partition(b"\0")[0]
    if not _CONTAINER_START.match(head) or _LIST_WORDS.search(text):
        raise UndecodableMediaError(
            f"{path} does not begin like a container that decord is trusted with, and it follows "
            "lists of other files; use `backend='pyav'`."
        )


def _without_places(message: str) -> str:
    """Return decord's message without the times and source lines that it puts before each part."""
    return re.sub(r"\[[\d:]+\] \S+?:\d+: ", "", message.splitlines()[0]).strip()[:120]


def _zero_on_its_clock(file: MediaFile) -> float:
    """Return when spans begin on decord's clock.

    That starts with the stream, be its first frames shown or not.
    """
    if file.video is None or file.video.stated_start_seconds is None:
        return 0.0
    return file.zero_seconds - file.video.stated_start_seconds


def _refuse_cut_files(file: MediaFile) -> None:
    info = describe(file)
    if info.missing_seconds > _MAX_OVERCLAIM_SECONDS:
        raise UndecodableMediaError(
            f"{file.path} claims {info.duration_seconds + info.missing_seconds:.2f} s but holds "
            f"{info.duration_seconds:.2f} s, and decord is not safe on truncated files; "
            "use `backend='pyav'`."
        )


def _refuse_misread_files(file: MediaFile) -> None:
    names = set(file.container.format.name.split(","))
    if names & _MISREAD_FORMATS or not file.clock.is_sought:
        raise UndecodableMediaError(
            f"{file.path} is of a kind in which decord shows pictures of other moments (MPEG-TS, "
            "ASF, and files that are put together of parts); use `backend='pyav'`."
        )
    if file.video is not None and orientation_of(file.video.first_frame).is_mirrored:
        raise UndecodableMediaError(
            f"{file.path} has mirrored pictures, which decord does not show as they are meant; use "
            "`backend='pyav'`."
        )


def _check_timestamps(path: Path, shown: npt.NDArray[np.float64]) -> None:
    starts = shown[:, 0]
    if not len(starts) or starts[0] < _MIN_TIMESTAMP_SECONDS or (np.diff(starts) < 0).any():
        raise UndecodableMediaError(
            f"{path}: decord reads no timestamps from this container; use `backend='pyav'`."
        )
    if starts[0] < -_ROUNDING_SECONDS:
        raise UndecodableMediaError(
            f"{path} was cut without re-encoding and keeps frames from before its start, by "
            "which decord's frames are off; use `backend='pyav'`."
        )
