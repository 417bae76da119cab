"""Encoding frames and a waveform as one file, the same frames always to the same bytes."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.stream import VideoStream

from macbdf_mm.errors import ArgumentError

# Channels of the waveform -> FFmpeg's name of their layout.
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
# x265 writes beyond its buffers where frames are narrower (seen at widths of 16, 32, 34 and 64, not
# from 66 on): the same frames then give other bytes each time, or the process dies.
MIN_WIDTH_OF_X265 = 66


def quality_options(codec: str, crf: int, preset: str) -> dict[str, str]:
    """Return the options for x264 and x265 to encode at a quality, and the same frames alike.

    Args:
        codec: Name of the encoder, such as ``'libx264'``.
        crf: Constant rate factor, 0 to 51; lower is better.
        preset: Speed of the encoder, such as ``'veryfast'``.

    Returns:
        Options of FFmpeg; none for any other encoder.
    """
    options = {"crf": str(crf), "preset": preset}
    if codec == "libx264":
        # The faster code of its macroblock tree gives the same frames other bytes now and then
        # at many sizes (at 224x224 in 12 encodings of 40); the plain code in none, as fast.
        return options | {"x264-params": "cpu-independent=1"}
    if codec == "libx265":
        return options | {"x265-params": "log-level=none:pools=none:frame-threads=1"}
    return {}


def write_clip(
    path: str | Path,
    frames: npt.NDArray[np.uint8] | None,
    fps: float,
    waveform: npt.NDArray[np.float32] | None = None,
    sample_rate: int = 16_000,
    *,
    crf: int = 23,
    preset: str = "veryfast",
    gop: int = 250,
    audio_bit_rate: int = 64_000,
    video_codec: str = "libx264",
    audio_codec: str = "aac",
) -> None:
    """Encode a clip; both streams start at zero. The container follows the file's suffix.

    Args:
        path: The file to write; its folder is made.
        frames: RGB frames, shape (T, H, W, 3), uint8, H and W even; None for sound alone.
        fps: Frames a second.
        waveform: PCM in [-1, 1], shape (S,) or (S, channels); None for video alone.
        sample_rate: Of the waveform, in Hz.
        crf: Constant rate factor of x264: higher is smaller and worse.
        preset: x264 preset.
        gop: Frames between key frames.
        audio_bit_rate: Bits a second of the audio stream.
        video_codec: Name of a video encoder of FFmpeg.
        audio_codec: Name of an audio encoder of FFmpeg.

    Raises:
        ValueError: If both streams are None, the frames have an odd size or are too narrow for
            libx265, the waveform has an unusual number of channels, or a codec is not of its kind.
    """
    if frames is None and waveform is None:
        raise ArgumentError("Expected `frames` or `waveform`, got None for both.")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        # Every stream is added before the first packet: the header then names them all.
        video = audio = None
        if frames is not None:
            video = _add_video(container, frames, fps, video_codec, crf, preset, gop)
        if waveform is not None:
            audio = _add_audio(container, waveform, sample_rate, audio_codec, audio_bit_rate)
        if frames is not None and video is not None:
            _encode_video(container, video, frames)
        if waveform is not None and audio is not None:
            _encode_audio(container, audio, waveform)


def _add_video(
    container: OutputContainer,
    frames: npt.NDArray[np.uint8],
    fps: float,
    codec: str,
    crf: int,
    preset: str,
    gop: int,
) -> VideoStream:
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise ArgumentError(
            f"Expected `frames` of even height and width, got {height}x{width}; crop one row."
        )
    if codec == "libx265" and width < MIN_WIDTH_OF_X265:
        raise ArgumentError(
            f"Expected `frames` at least {MIN_WIDTH_OF_X265} pixels wide for libx265, got {width}; "
            "it corrupts memory below. Use libx264."
        )
    rate = Fraction(fps).limit_denominator(1001 * 60)
    stream = container.add_stream(codec, rate=rate)
    if not isinstance(stream, VideoStream):
        raise ArgumentError(f"Expected `video_codec` to be a video encoder, got {codec!r}.")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = 1 / rate
    # One thread: the same frames then give the same bytes.
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = gop
    stream.options = {**quality_options(codec, crf, preset)}
    return stream


def _add_audio(
    container: OutputContainer,
    waveform: npt.NDArray[np.float32],
    sample_rate: int,
    codec: str,
    bit_rate: int,
) -> AudioStream:
    channels = 1 if waveform.ndim == 1 else waveform.shape[1]
    if channels not in LAYOUTS:
        raise ArgumentError(
            f"Expected `waveform` of 1, 2 or 6 channels, got {channels}; mix it down first."
        )
    stream = container.add_stream(codec, rate=sample_rate, layout=LAYOUTS[channels])
    if not isinstance(stream, AudioStream):
        raise ArgumentError(f"Expected `audio_codec` to be an audio encoder, got {codec!r}.")
    if not codec.startswith("pcm"):
        stream.bit_rate = bit_rate
    return stream


def _encode_video(
    container: OutputContainer, stream: VideoStream, frames: npt.NDArray[np.uint8]
) -> None:
    # The muxer changes the stream's time base with its header: keep the one of the frames.
    time_base = stream.codec_context.time_base
    for index, image in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
        frame.pts = index
        frame.time_base = time_base
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _encode_audio(
    container: OutputContainer, stream: AudioStream, waveform: npt.NDArray[np.float32]
) -> None:
    channels_first = waveform.reshape(len(waveform), -1).T
    planar = np.ascontiguousarray(channels_first.clip(-1.0, 1.0), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=stream.layout.name)
    frame.sample_rate = stream.sample_rate
    frame.pts = 0
    frame.time_base = Fraction(1, stream.sample_rate)
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
