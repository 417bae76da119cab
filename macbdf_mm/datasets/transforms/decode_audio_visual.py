"""Decoding the span of a clip."""

from typing import Any

import numpy as np

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.decoding_process import call_in
from macbdf_mm.media.read_span import Backend, DecodedSpan, read_span
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DecodeAudioVisual:
    """Decode frames and sound of the same span, by timestamps.

    Required keys: path, span_seconds.
    Optional keys: decode_error and decoding_process, see the data set.
    Added keys: imgs (T frames (H, W, 3), RGB, uint8), video_valid (T,), waveform (S,)
    float32, audio_valid (S,), sample_rate, num_damaged (frames and packets of sound that the
    decoder calls damaged), picture_seconds (how long the file usually shows a picture); and for
    the transforms of mmaction2 img_shape, original_shape, modality, clip_len and num_clips.

    Where a track is missing or has ended, frames are black, samples zero, and not valid.

    Args:
        num_frames: T.
        sample_rate: Of the waveform, in Hz.
        backend: ``'pyav'`` or ``'decord'``; who decodes the frames.
        short_side: Shrink larger frames to this short side while converting them, which
            saves memory and time; None keeps them.
        missing_frame_size: Side of the black frames of a file without video, in pixels.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither track decodes, or neither reaches into the span.
    """

    def __init__(
        self,
        num_frames: int,
        sample_rate: int = 16_000,
        backend: Backend = "pyav",
        short_side: int | None = None,
        missing_frame_size: int = 128,
    ) -> None:
        self.num_frames = num_frames
        self.sample_rate = sample_rate
        self.backend = backend
        self.short_side = short_side
        self.missing_frame_size = missing_frame_size

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with frames and waveform."""
        if results.get("decode_error"):
            span = self._blank(results["span_seconds"])
        else:
            span = self._read(results)
        frames = span.frames
        if frames is None:
            side = self.missing_frame_size
            frames = np.zeros((self.num_frames, side, side, 3), np.uint8)
        results.update(
            imgs=list(frames),
            video_valid=span.frame_valid,
            waveform=span.waveform,
            audio_valid=span.audio_valid,
            sample_rate=self.sample_rate,
            num_damaged=span.num_damaged,
            picture_seconds=span.picture_seconds,
            img_shape=frames.shape[1:3],
            original_shape=frames.shape[1:3],
            modality="RGB",
            clip_len=self.num_frames,
            num_clips=1,
        )
        return results

    def _read(self, results: dict[str, Any]) -> DecodedSpan:
        start, end = results["span_seconds"]
        span = call_in(
            results.get("decoding_process"),
            read_span,
            results["path"],
            (start, end),
            self.num_frames,
            self.sample_rate,
            backend=self.backend,
            short_side=self.short_side,
        )
        if not span.frame_valid.any() and not span.audio_valid.any():
            raise UndecodableMediaError(
                f"{results['path']} has neither frames nor sound from {start:.2f} to "
                f"{end:.2f} s; its annotated length may be wrong."
            )
        return span

    def _blank(self, span_seconds: tuple[float, float]) -> DecodedSpan:
        num_samples = round((span_seconds[1] - span_seconds[0]) * self.sample_rate)
        return DecodedSpan(
            frames=None,
            frame_valid=np.zeros(self.num_frames, np.bool_),
            waveform=np.zeros(num_samples, np.float32),
            audio_valid=np.zeros(num_samples, np.bool_),
            has_video=False,
            has_audio=False,
        )
