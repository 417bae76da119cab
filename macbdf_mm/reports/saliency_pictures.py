"""Pictures of what a detector looked at in one window."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.reports.figures.encoded_pictures import heat_url, photo_url
from macbdf_mm.reports.time_axis import span_text
from macbdf_mm.structures.window_saliency import WindowSaliency

_NUM_FRAMES = 4
# Single pixels mean nothing; so much of a frame's width is blurred together.
_BLUR = 1 / 24
# Likewise of bins and frames of a spectrogram.
_SOUND_BLUR = 1.0
# Where nothing was looked at, a picture keeps so much of its light.
_DIM = 0.25
_PLACES = (("upper", "middle", "lower"), ("left", "centre", "right"))


@dataclass(frozen=True)
class SaliencyPictures:
    """What a page shows of one window.

    Attributes:
        title: Its heading.
        text: A sentence on where the attributions lie.
        frames: Frames, bright where the detector looked: URL and words each.
        spectrogram: Picture of the sound; None without it.
        map: Where it looked in that; None without it.
        map_text: The same in words.
    """

    title: str
    text: str
    frames: Sequence[tuple[str, str]]
    spectrogram: str | None
    map: str | None
    map_text: str


def saliency_pictures(saliency: WindowSaliency) -> SaliencyPictures:
    """Return the pictures of a window."""
    start, end = saliency.span_seconds
    name = {"overall": "overall score"}.get(saliency.track, f"{saliency.track} score")
    spectrogram = weights = None
    map_text = ""
    if saliency.spectrogram is not None and saliency.spectrogram_weights is not None:
        values, heat = saliency.spectrogram, saliency.spectrogram_weights
        spectrogram = heat_url(values, float(np.percentile(values, 5)), float(values.max()))
        smooth = np.asarray(cv2.GaussianBlur(heat, (0, 0), _SOUND_BLUR), np.float32)
        weights = heat_url(smooth, 0.0, _bright(smooth), "gray")
        time = start + (end - start) * (heat.sum(axis=0).argmax() + 0.5) / heat.shape[1]
        height = heat.sum(axis=1).argmax() / heat.shape[0]
        band = ("low", "middle", "high")[min(2, int(3 * height))]
        map_text = f"mostly {band} frequencies, most at {time:.1f} s"
    return SaliencyPictures(
        title=f"{name[:1].upper() + name[1:]}, {span_text(start, end)}",
        text=_contributions(saliency),
        frames=_frames(saliency),
        spectrogram=spectrogram,
        map=weights,
        map_text=map_text,
    )


def _contributions(saliency: WindowSaliency) -> str:
    """Return a sentence on how much each track that was seen moved the score; empty if unknown."""
    if saliency.contributions is None:
        return ""
    inputs = (saliency.frames, saliency.spectrogram)
    pairs = zip(("picture", "sound"), saliency.contributions, inputs, strict=True)
    # With 0.0 added, there is no -0.0.
    moved = [
        f"the {name} changes it by {round(value, 1) + 0.0:+.1f}"
        for name, value, seen in pairs
        if seen is not None
    ]
    return f"The logit of the raw score, compared with an empty window: {', '.join(moved)}."


def spotlight(
    frame: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], bright: float
) -> npt.NDArray[np.uint8]:
    """Return a frame, (H, W, 3) uint8, with its light where the weights are.

    Args:
        frame: RGB, (H, W, 3), uint8.
        weights: (H, W), >= 0.
        bright: The weight that keeps all light.
    """
    share = (weights / max(bright, 1e-12)).clip(0, 1)
    light = _DIM + (1 - _DIM) * np.sqrt(share)
    return (frame * light[..., None]).round().astype(np.uint8)


def _frames(saliency: WindowSaliency) -> list[tuple[str, str]]:
    frames, weights = saliency.frames, saliency.frame_weights
    if frames is None or weights is None:
        return []
    sigma = max(0.5, frames.shape[2] * _BLUR)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), sigma) for plane in weights])
    bright = _bright(smooth)
    start, end = saliency.span_seconds
    chosen = _chosen(smooth)
    times = [start + (end - start) * (index + 0.5) / len(frames) for index in chosen]
    return [
        (
            photo_url(spotlight(frames[index], smooth[index], bright)),
            f"{seconds:.2f} s, mostly {_place(smooth[index])}",
        )
        for index, seconds in zip(chosen, times, strict=True)
    ]


def _chosen(weights: npt.NDArray[np.float32]) -> list[int]:
    """Return the frame with the most weight of each quarter of the window."""
    parts = np.array_split(np.arange(len(weights)), min(_NUM_FRAMES, len(weights)))
    totals = weights.sum(axis=(1, 2))
    return [int(part[totals[part].argmax()]) for part in parts]


def _place(weights: npt.NDArray[np.float32]) -> str:
    """Return which ninth of a frame has the most weight, in words."""
    rows = np.array_split(weights, 3, axis=0)
    sums = [[part.sum() for part in np.array_split(row, 3, axis=1)] for row in rows]
    row, column = divmod(int(np.argmax(sums)), 3)
    return f"{_PLACES[0][row]} {_PLACES[1][column]}"


def _bright(weights: npt.NDArray[np.float32]) -> float:
    return float(np.percentile(weights, 99))
