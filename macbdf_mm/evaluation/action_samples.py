"""Predictions of mmaction2's recognisers, as the metric takes those of our detectors."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, tensor

from macbdf_mm.errors import ConfigError
from macbdf_mm.structures.labels import UNKNOWN

_NEEDED = ("file", "span_seconds", "pred_scores")
# What mmaction2's pipelines call the file of a clip.
_FILE_NAMES = ("file", "filename", "frame_dir", "audio_path", "video_id")
_NUM_CLASSES = 2


def scored_sample(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a predicted data sample with ``file``, ``span_seconds`` and ``pred_scores`` (3,).

    A ``ForgeryDataSample`` has them, and comes back as it is. An ``ActionDataSample`` of two
    classes, 0 real and 1 fake, has one score, that of the clip; its tracks have none.

    Args:
        sample: A data sample as a dict.

    Raises:
        ConfigError: If it is of neither kind; the message says what is missing.
    """
    scores = sample.get("pred_scores")
    if isinstance(scores, Tensor) and all(key in sample for key in _NEEDED):
        return sample
    # mmaction2 1.2 has `pred_score` and `gt_label`, 1.1 `pred_scores.item` and `gt_labels.item`.
    of_classes = sample.get("pred_score", scores["item"] if isinstance(scores, Mapping) else None)
    if not isinstance(of_classes, Tensor):
        missing = [f"`{key}`" for key in _NEEDED if key not in sample]
        raise ConfigError(
            "ForgeryMetric needs data samples with `file`, `span_seconds` and `pred_scores` of "
            "overall, video and audio, as a BaseForgeryDetector predicts them, or those of an "
            f"mmaction2 recogniser with two classes; got one without {' and '.join(missing)}."
        )
    if of_classes.shape != (_NUM_CLASSES,):
        raise ConfigError(
            "ForgeryMetric needs scores of two classes, 0 real and 1 fake, got "
            f"{of_classes.numel()}: set `num_classes=2` of the head."
        )
    if not math.isclose(float(of_classes.sum()), 1.0, abs_tol=1e-3):
        raise ConfigError(
            "ForgeryMetric needs probabilities, got scores whose sum is "
            f"{float(of_classes.sum()):.3g}: set `average_clips='prob'` of the head."
        )
    names = [sample[key] for key in _FILE_NAMES if sample.get(key) is not None]
    if not names:
        raise ConfigError(
            "ForgeryMetric counts each video once, and this data sample does not say which it is "
            "of: add 'filename' to `meta_keys` of PackActionInputs."
        )
    label = sample.get("gt_label", (sample.get("gt_labels") or {}).get("item"))
    return {
        "file": str(names[0]),
        "span_seconds": sample.get("span_seconds", (0.0, 0.0)),
        "pred_scores": tensor([float(of_classes[1]), math.nan, math.nan]),
        "clip_label": UNKNOWN if label is None else int(label),
    }
