"""A copy of a video with its scores drawn under the picture, and its own sound."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess, call_in
from macbdf_mm.media.frames import shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import to_seconds
from macbdf_mm.media.writer import LAYOUTS, quality_options
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.utils.files import in_one_sentence, replacing

_Image = npt.NDArray[np.uint8]

# Narrower videos are enlarged, or no word could be read.
_MIN_WIDTH = 360
_PAPER, _INK, _MUTED, _FILL, _ALARM = (
    (23, 28, 38),
    (230, 233, 239),
    (152, 162, 179),
    (86, 120, 165),
    (242, 122, 152),
)
_LANE_SHARE = 0.07
_TIME_BASE = Fraction(1, 90_000)
_CRF, _PRESET = 20, "veryfast"
# What players expect in an mp4; other sound is encoded anew.
_COPIED_CODECS = frozenset(
    {"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus", "flac", "alac"}
)
# An mp4 holds MP3 of MPEG-1 and MPEG-2, and not the lower rates of MPEG-2.5.
_MIN_MP3_RATE = 16_000
_AUDIO_BIT_RATE = 128_000


@dataclass(frozen=True)
class Annotation:
    """What is drawn under the pictures.

    Attributes:
        headline: The verdict in a few words of ASCII.
        duration_seconds: Of the file.
        curves: By track, scores of equal parts of the file, NaN where nothing was seen.
        thresholds: By track.
        flagged: By track, where windows stand out, in seconds.
        proposals: By track, likely forged intervals in seconds.
        digest: Of the prediction; the file has it as its comment.
    """

    headline: str
    duration_seconds: float
    curves: Mapping[str, npt.NDArray[np.float64]]
    thresholds: Mapping[str, float]
    flagged: Mapping[str, Sequence[Interval]]
    proposals: Mapping[str, Sequence[Interval]]
    digest: str


def write_annotated_video(
    path: str | Path,
    annotation: Annotation,
    out: str | Path,
    process: DecodingProcess | None = None,
) -> None:
    """Write a video as mp4 with its scores under each frame.

    Every frame keeps its time, and the sound is copied as it is stored, or encoded anew where an
    mp4 cannot hold it. Pictures are upright. Memory holds a few frames, however long the file is.

    Args:
        path: A file with video.
        annotation: What is drawn.
        out: The mp4 file; replaced as a whole.
        process: Where the file is decoded; None decodes it in this process, which a damaged file
            can crash or hang.

    Raises:
        UndecodableMediaError: If the file has no video, or no mp4 can be made of it.
        UnwritableFileError: If ``out`` cannot be written.
    """
    # Here and not in the process, which may be killed and would leave half a video.
    with replacing(out) as unfinished:
        call_in(process, _write, path, annotation, unfinished, out)


def _write(path: str | Path, annotation: Annotation, unfinished: Path, out: str | Path) -> None:
    with (
        MediaFile(path) as file,
        MediaFile(path) as second,
        _refused_by_ffmpeg(path),
        # Again: a process would take a full disk for an error of reading.
        in_one_sentence(Path(out), unfinished),
    ):
        if file.video is None:
            raise UndecodableMediaError(f"{path} has no video on which scores could be drawn.")
        canvas = _Canvas(file.video.size, annotation)
        with av.open(str(unfinished), "w", format="mp4") as container:
            container.metadata["comment"] = annotation.digest
            video: Any = container.add_stream("libx264", rate=_rate_of(file))
            video.height, video.width, video.pix_fmt = *canvas.size, "yuv420p"
            video.codec_context.time_base = _TIME_BASE
            video.options = quality_options("libx264", _CRF, _PRESET)
            sound = _sound_packets(second, container, file.zero_seconds)
            waiting = next(sound, None)
            for packet in _video_packets(file, video, canvas):
                # In the order of time, so that none of the two has to wait in memory.
                now = to_seconds(packet.dts, packet.time_base) or 0.0
                while waiting is not None and waiting[0] <= now:
                    container.mux(waiting[1])
                    waiting = next(sound, None)
                container.mux(packet)
            while waiting is not None:
                container.mux(waiting[1])
                waiting = next(sound, None)


@contextmanager
def _refused_by_ffmpeg(path: str | Path) -> Iterator[None]:
    """Raise what FFmpeg says of a file as an error of that file."""
    try:
        yield
    except av.error.FFmpegError as error:
        text = f"{path}: no annotated video can be made of it ({error.strerror})."
        raise UndecodableMediaError(text) from error


def _rate_of(file: MediaFile) -> Fraction:
    step = file.video.usual_step_seconds if file.video is not None else 0.04
    return Fraction(1 / step).limit_denominator(1001)


def _video_packets(file: MediaFile, stream: Any, canvas: "_Canvas") -> Iterator[Any]:
    """Yield the encoded pictures; each is shown until the next one is."""
    step = file.video.usual_step_seconds if file.video is not None else 0.04
    held: tuple[_Image, float] | None = None
    last_ticks = -1
    for image, seconds in shown_frames(file, (0.0, math.inf)):
        if held is not None:
            frame = canvas.frame(*held, seconds - held[1])
            if frame.pts > last_ticks:
                last_ticks = frame.pts
                yield from stream.encode(frame)
        held = (image, seconds)
    if held is not None:
        frame = canvas.frame(*held, step)
        if frame.pts > last_ticks:
            yield from stream.encode(frame)
    yield from stream.encode()


def _sound_packets(
    file: MediaFile, container: Any, zero_seconds: float
) -> Iterator[tuple[float, Any]]:
    """Return an iterator over the packets of the sound, with their times; adds its stream.

    The stream is added at once, as the header has to name it.
    """
    if file.audio is None:
        return iter(())
    source: Any = file.stream(file.audio)
    if _can_be_copied(file.audio.codec, source.sample_rate):
        stream = container.add_stream_from_template(source)
        return _copied(file, source, stream, zero_seconds)
    channels = file.audio.first_frame.layout.nb_channels
    layout = LAYOUTS.get(channels, "stereo")
    stream = container.add_stream("aac", rate=48_000, layout=layout)
    stream.bit_rate = _AUDIO_BIT_RATE * (1 if channels < 3 else 3)
    return _encoded(file, stream, layout, zero_seconds)


def _can_be_copied(codec: str, sample_rate: int) -> bool:
    """Return whether an mp4 holds sound of this kind."""
    if codec.startswith("mp3") and sample_rate < _MIN_MP3_RATE:
        return False
    return codec in _COPIED_CODECS


def _copied(
    file: MediaFile, source: Any, stream: Any, zero_seconds: float
) -> Iterator[tuple[float, Any]]:
    file.restart()
    source = file.stream(file.audio) if file.audio is not None else source
    for packet in file.read_packets([source]):
        if packet.dts is None or not packet.size:
            continue
        shift = round(zero_seconds / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts -= shift
        packet.stream = stream
        yield float(packet.dts * packet.time_base), packet


def _encoded(
    file: MediaFile, stream: Any, layout: str, zero_seconds: float
) -> Iterator[tuple[float, Any]]:
    assert file.audio is not None
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=48_000)
    for frame in file.decode_from_start(file.audio, math.inf):
        seconds = file.seconds_of(frame)
        if seconds is not None:
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round((seconds - zero_seconds) * frame.sample_rate)
        for piece in resampler.resample(frame):
            for packet in stream.encode(piece):
                yield float(packet.dts * packet.time_base), packet
    for piece in resampler.resample(None):
        for packet in stream.encode(piece):
            yield float(packet.dts * packet.time_base), packet
    for packet in stream.encode():
        yield float(packet.dts * packet.time_base), packet


class _Canvas:
    """Draws frames and what stands under them; all but the moment is drawn once.

    Args:
        frame_size: Height and width of the pictures.
        annotation: What is drawn.
    """

    def __init__(self, frame_size: tuple[int, int], annotation: Annotation) -> None:
        height, width = frame_size
        factor = max(1, -(-_MIN_WIDTH // width))
        self._picture = (factor * height, factor * width)
        # x264 wants even sizes; an odd row or column is cut off.
        self._width = self._picture[1] - self._picture[1] % 2
        self._annotation = annotation
        self._lane = max(18, round(_LANE_SHARE * self._width))
        self._scale = self._width / 900 + 0.28
        self._label = round(112 * self._scale)
        self._value = round(104 * self._scale)
        self._panel = self._draw_panel()
        self._top = self._picture[0] - (self._picture[0] + len(self._panel)) % 2
        self.size = (self._top + len(self._panel), self._width)

    def frame(self, image: _Image, seconds: float, length: float) -> Any:
        """Return the picture that is shown at a moment, for so many seconds."""
        canvas = np.empty((*self.size, 3), np.uint8)
        if image.shape[:2] != self._picture:
            enlarged = cv2.resize(image, self._picture[::-1], interpolation=cv2.INTER_NEAREST)
            image = np.asarray(enlarged, np.uint8)
        canvas[: self._top] = image[: self._top, : self._width]
        panel = canvas[self._top :]
        panel[:] = self._panel
        self._draw_moment(panel, seconds)
        frame = av.VideoFrame.from_ndarray(canvas, "rgb24")
        frame.pts, frame.time_base = round(seconds / _TIME_BASE), _TIME_BASE
        frame.duration = max(1, round(length / _TIME_BASE))
        return frame

    def _draw_panel(self) -> _Image:
        notes = self._annotation
        panel = np.full((self._lane * (len(notes.curves) + 1), self._width, 3), _PAPER, np.uint8)
        self._write(panel, notes.headline, 6, 0, _INK)
        for row, (track, curve) in enumerate(notes.curves.items(), start=1):
            top, bottom = row * self._lane + 3, (row + 1) * self._lane - 4
            left, right = self._label, self._width - self._value
            self._write(panel, track, 6, row, _MUTED)
            # One column of the picture at a time: bars, hatched where nothing was seen.
            for x in range(left, right):
                score = curve[self._column(curve, (x - left) / (right - left))]
                if np.isnan(score):
                    panel[top:bottom, x][(np.arange(top, bottom) + x) % 6 == 0] = _MUTED
                else:
                    panel[bottom - round((bottom - top) * score) : bottom, x] = _FILL
            level = bottom - round((bottom - top) * notes.thresholds[track])
            panel[level, left:right][np.arange(right - left) % 8 < 4] = _INK
            cv2.rectangle(panel, (left, top - 1), (right, bottom), _MUTED, 1)
            for start, end in notes.proposals.get(track, ()):
                cv2.rectangle(panel, (self._x(start), top), (self._x(end), bottom - 1), _INK, 1)
            for start, end in notes.flagged.get(track, ()):
                low, high = self._x(start), self._x(end)
                cv2.rectangle(panel, (low, bottom - 3), (high, bottom), _ALARM, -1)
        return panel

    def _draw_moment(self, panel: _Image, seconds: float) -> None:
        notes = self._annotation
        x = self._x(seconds)
        cv2.line(panel, (x, self._lane + 1), (x, len(panel) - 2), _INK, max(1, self._lane // 16))
        share = seconds / notes.duration_seconds
        for row, (track, curve) in enumerate(notes.curves.items(), start=1):
            score = curve[self._column(curve, share)]
            stands_out = any(a <= seconds < b for a, b in notes.flagged.get(track, ()))
            # An exclamation mark as well as the colour.
            text = "-" if np.isnan(score) else f"{score:.2f}{'!' if stands_out else ''}"
            left = self._width - self._value + 4
            self._write(panel, text, left, row, _ALARM if stands_out else _INK)

    def _write(
        self, panel: _Image, text: str, left: int, row: int, colour: tuple[int, int, int]
    ) -> None:
        baseline = round((row + 0.68) * self._lane)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(panel, text, (left, baseline), font, self._scale, colour, 1, cv2.LINE_AA)

    def _x(self, seconds: float) -> int:
        share = min(1.0, max(0.0, seconds / self._annotation.duration_seconds))
        return self._label + round(share * (self._width - self._value - self._label))

    @staticmethod
    def _column(curve: npt.NDArray[np.float64], share: float) -> int:
        return min(len(curve) - 1, max(0, int(share * len(curve))))
