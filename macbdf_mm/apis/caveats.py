"""What has to be said beside scores: about the weights that gave them, and about the file."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.apis.load_model import trained_on_synthetic
from macbdf_mm.media.probe import MediaInfo

SYNTHETIC_WEIGHTS = "these weights were trained on synthetic clips and say nothing about real video"
UNKNOWN_TRAINING = "the checkpoint does not say what these weights were trained on"
UNFITTED_THRESHOLD = "no threshold was chosen on validation data, so 0.5 is used"

# Headers round, and tracks end a little apart; a file that misses more was cut short.
_MAX_MISSING_SECONDS = 1.0


def weight_caveats(checkpoint: Mapping[str, Any], is_threshold_fitted: bool) -> list[str]:
    """Return what is to be said of all scores that the weights of a checkpoint give."""
    caveats = []
    is_synthetic = trained_on_synthetic(checkpoint)
    if is_synthetic:
        caveats.append(SYNTHETIC_WEIGHTS)
    elif is_synthetic is None:
        caveats.append(UNKNOWN_TRAINING)
    if not is_threshold_fitted:
        caveats.append(UNFITTED_THRESHOLD)
    return caveats


def file_caveats(info: MediaInfo) -> list[str]:
    """Return what is to be said of the scores of a file that was cut short."""
    if not missing_seconds(info):
        return []
    return [f"the file was cut short, only its first {info.duration_seconds:.1f} s are scored"]


def missing_seconds(info: MediaInfo) -> float:
    """Return how much of what its header promises a file lacks; 0 if no more than rounding."""
    return info.missing_seconds if info.missing_seconds > _MAX_MISSING_SECONDS else 0.0
