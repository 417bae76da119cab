"""What sending a video through a codec does to the frames of a clip."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext

from macbdf_mm.datasets.transforms.random_change import RandomChange, check_range
from macbdf_mm.errors import ArgumentError, ConfigError
from macbdf_mm.media.writer import MIN_WIDTH_OF_X265, quality_options
from macbdf_mm.registry import TRANSFORMS

# Encoder -> decoder, and by which option quality is set, within which bounds.
_DECODERS = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4", "mpeg2video": "mpeg2video"}
_BOUNDS = {"libx264": (0, 51), "libx265": (0, 51), "mpeg4": (1, 31), "mpeg2video": (1, 31)}
_FPS = 25


@TRANSFORMS.register_module()
class VideoCompression(RandomChange):
    """Encode the frames with a real codec at a random quality, and decode them again.

    The sampled frames are encoded as if they followed each other, in memory. Frames that do
    not exist stay black and leave no trace in the others.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8; video_valid (T,). Modified keys: imgs.

    Args:
        quality: Encoder of FFmpeg -> best and worst quality: the constant rate factor of
            ``'libx264'`` and ``'libx265'``, the quantiser scale of ``'mpeg4'`` and
            ``'mpeg2video'``. Each encoder is equally likely.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
        ConfigError: If this build of FFmpeg lacks an encoder.
    """

    def __init__(
        self, quality: Mapping[str, tuple[int, int]] | None = None, probability: float = 0.5
    ) -> None:
        super().__init__(probability)
        self.quality = dict(quality or {"libx264": (20, 40), "mpeg4": (2, 16)})
        for codec, values in self.quality.items():
            if codec not in _BOUNDS:
                raise ArgumentError(f"Expected `quality` of {', '.join(_BOUNDS)}, got {codec!r}.")
            check_range(f"quality['{codec}']", values, *_BOUNDS[codec])
            if codec not in av.codecs_available:
                raise ConfigError(f"FFmpeg has no encoder '{codec}' here; take another one.")

    def change(self, results: dict[str, Any]) -> None:
        """Put the frames that exist through the codec."""
        there = np.flatnonzero(results["video_valid"])
        if not len(there):
            return
        codec = list(self.quality)[np.random.randint(len(self.quality))]
        low, high = self.quality[codec]
        quality = int(np.random.randint(low, high + 1))
        images = list(results["imgs"])
        decoded = through_codec(np.stack([images[i] for i in there]), codec, quality)
        for index, image in zip(there, decoded, strict=True):
            images[index] = image
        results["imgs"] = images


def through_codec(frames: npt.NDArray[np.uint8], codec: str, quality: int) -> npt.NDArray[np.uint8]:
    """Return frames after encoding and decoding, same shape.

    Args:
        frames: RGB, shape (T, H, W, 3), uint8; odd sizes, and those too small for the codec, are
            padded and cut again.
        codec: One of FFmpeg's encoders that :class:`VideoCompression` names.
        quality: On the codec's own scale; lower is better.
    """
    height, width = frames.shape[1:3]
    even = np.pad(frames, ((0, 0), *_margins((height, width), codec), (0, 0)), mode="edge")
    encoder = _open_encoder(codec, quality, even.shape[1:3])
    decoder = cast(VideoCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
    decoder.thread_count = 1
    packets = []
    for index, image in enumerate(even):
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, _FPS)
        packets += encoder.encode(frame.reformat(format="yuv420p"))
    packets += encoder.encode(None)
    decoded = [frame for packet in packets for frame in decoder.decode(packet)]
    decoded += decoder.decode(None)
    if len(decoded) != len(frames):
        raise RuntimeError(f"{codec} gave back {len(decoded)} of {len(frames)} frames.")
    # A decoder gives frames in the order in which they are shown.
    images = [frame.to_ndarray(format="rgb24")[:height, :width] for frame in decoded]
    return np.stack(images)


def _margins(size: tuple[int, int], codec: str) -> list[tuple[int, int]]:
    height, width = size
    min_width = MIN_WIDTH_OF_X265 if codec == "libx265" else 2
    return [(0, height % 2), (0, max(min_width - width, width % 2))]


def _open_encoder(codec: str, quality: int, size: tuple[int, ...]) -> VideoCodecContext:
    encoder = cast(VideoCodecContext, av.CodecContext.create(codec, "w"))
    encoder.height, encoder.width = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(_FPS), Fraction(1, _FPS)
    # One thread: the same frames then give the same bytes, and workers use every core anyway.
    encoder.thread_count = 1
    if codec.startswith("libx26"):
        encoder.options = quality_options(codec, quality, "veryfast")
    else:
        # PyAV cannot set a frame's own quality, so rate control gets no choice.
        encoder.options = {"qmin": str(quality), "qmax": str(quality)}
    return encoder
