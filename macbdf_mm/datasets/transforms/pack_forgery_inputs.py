"""Turning a decoded clip into tensors and a data sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from macbdf_mm.errors import ArgumentError
from macbdf_mm.registry import TRANSFORMS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample
from macbdf_mm.structures.intervals import span_label, step_labels
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN

_META_KEYS = (
    "file",
    "path",
    "clip_name",
    "span_seconds",
    "num_damaged",
    "dataset_name",
    "identity",
    "source",
    "method",
    "category",
    "split",
    "sample_idx",
    "extra",
    "decode_error",
    "unusable",
    "duration_seconds",
    "video_fake_intervals",
    "audio_fake_intervals",
)


@TRANSFORMS.register_module()
class PackForgeryInputs:
    """Pack what the model takes, and the labels of the span.

    A track that is not seen at all in the span has unknown labels, and so have single steps
    without it: nothing can be learned where nothing is shown.

    Required keys: imgs, video_valid, waveform, audio_valid, span_seconds, label, video_label,
    audio_label, video_fake_intervals, audio_fake_intervals.
    Returned keys: inputs, a dict of video (3, T, H, W) uint8, video_mask (T,) bool, waveform
    (S,) float32 and audio_mask (S,) bool; data_samples, a ForgeryDataSample.

    Args:
        num_steps: T', how many steps the frame heads tell apart; it divides T.
        meta_keys: Keys carried along as meta information where they are there.

    Raises:
        ValueError: If ``num_steps`` is not positive, or does not divide T; or the frames have
            other axes.
    """

    def __init__(self, num_steps: int, meta_keys: Sequence[str] = _META_KEYS) -> None:
        if num_steps < 1:
            raise ArgumentError(f"Expected `num_steps` > 0, got {num_steps}.")
        self.num_steps = num_steps
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        video_valid, audio_valid = results["video_valid"], results["audio_valid"]
        if len(video_valid) % self.num_steps:
            raise ArgumentError(
                f"Expected `num_steps` to divide the number of frames, got {self.num_steps} steps "
                f"of {len(video_valid)} frames; a step is a whole number of frames."
            )
        frames = np.stack(results["imgs"])  # (T, H, W, 3)
        if frames.ndim != 4 or len(frames) != len(video_valid) or frames.shape[3] != 3:
            raise ArgumentError(
                f"Expected `imgs` to be {len(video_valid)} frames (H, W, 3), got an array of shape "
                f"{frames.shape}. Remove transforms that change the axes, such as FormatShape: "
                "PackForgeryInputs orders them itself."
            )
        video = frames * video_valid[:, None, None, None]
        inputs = {
            "video": torch.from_numpy(np.ascontiguousarray(video.transpose(3, 0, 1, 2))),
            "video_mask": torch.from_numpy(np.asarray(video_valid, np.bool_)),
            # Augmentation may have put noise where there is no sound.
            "waveform": torch.from_numpy(
                np.where(audio_valid, results["waveform"], 0.0).astype(np.float32)
            ),
            "audio_mask": torch.from_numpy(np.asarray(audio_valid, np.bool_)),
        }
        return {"inputs": inputs, "data_samples": self._data_sample(results)}

    def _data_sample(self, results: dict[str, Any]) -> ForgeryDataSample:
        sample = ForgeryDataSample()
        sample.set_metainfo({key: results[key] for key in self.meta_keys if key in results})
        sample.set_metainfo(
            {
                "clip_label": results["label"],
                "clip_video_label": results["video_label"],
                "clip_audio_label": results["audio_label"],
            }
        )
        span = results["span_seconds"]
        seen: dict[str, int] = {}
        annotated: dict[str, int] = {}
        for track in ("video", "audio"):
            label, fakes = results[f"{track}_label"], results[f"{track}_fake_intervals"]
            parts = np.array_split(results[f"{track}_valid"], self.num_steps)
            step_seen = np.array([part.any() for part in parts])
            annotated[track] = span_label(label, fakes, span)
            seen[track] = annotated[track] if step_seen.any() else UNKNOWN
            steps = np.where(step_seen, step_labels(label, fakes, span, self.num_steps), UNKNOWN)
            sample.set_field(torch.tensor(seen[track]), f"gt_{track}_label")
            sample.set_field(torch.from_numpy(steps), f"gt_{track}_steps")
        sample.gt_label = torch.tensor(_overall_label(results, annotated, seen))
        return sample


def _overall_label(results: dict[str, Any], annotated: dict[str, int], seen: dict[str, int]) -> int:
    """Return the label of the span as a whole, unknown if its forgery is not to be seen."""
    if FAKE in seen.values():
        return FAKE
    if results["label"] == REAL or set(annotated.values()) == {REAL}:
        return REAL
    if FAKE in annotated.values():
        # The fake track is missing here; what is left is real.
        return UNKNOWN
    if FAKE in (results["video_label"], results["audio_label"]):
        # The known forgery lies outside of the span, and the other track is unknown.
        return UNKNOWN
    return results["label"]
