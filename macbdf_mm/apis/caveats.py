"""What is to be kept in mind when scores are read: of the weights, and of the file."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.load_model import trained_on_synthetic
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.media.probe import MediaInfo

SYNTHETIC_WEIGHTS = "these weights were trained on synthetic clips and say nothing about real video"
UNKNOWN_TRAINING = "the checkpoint does not say what these weights were trained on"
FRAMES_FOR_FACES = (
    "the weights were trained on face crops, and whole frames are scored, as --faces whole-frame "
    "says: that is right for files that are face crops already, and for others scores mean little"
)
FACES_FOR_FRAMES = (
    "the weights were trained on whole frames, and face crops are scored, as --faces crops says"
)
UNKNOWN_PICTURES = (
    "nobody says whether these weights were trained on face crops or on whole frames, and whole "
    "frames are scored"
)
UNKNOWN_CROPS = (
    "nobody says how the face crops were made that these weights were trained on, so those that "
    "are scored are made as `macbdf faces` makes them by default"
)
UNFITTED_THRESHOLD = "no threshold was chosen on validation data, so 0.5 is used"
UNFITTED_WINDOWS = (
    "how real windows score was not learnt on validation data, so scores of long and short files "
    "do not compare, and no parts are flagged"
)
NO_FRAME_HEAD = "the weights have no frame-level head, so forgeries are not located in time"
UNCALIBRATED = (
    "scores were not calibrated on validation data, so they rank files but are no probabilities"
)
NO_BAND = (
    "no file is called uncertain, and the share of wrong verdicts is not bounded: no band of "
    "scores does that on the validation data"
)

# Headers round, and tracks end a little apart; a file that misses more was cut short.
_MAX_MISSING_SECONDS = 1.0
# In a short file, less than that is much.
_MAX_MISSING_SHARE = 0.1
_MAX_ROUNDING_SECONDS = 0.35


def weight_caveats(
    checkpoint: Mapping[str, Any],
    is_threshold_fitted: bool,
    are_windows_known: bool,
    calibration: ScoreCalibration,
) -> list[str]:
    """Return what is to be said of all scores that the weights of a checkpoint give."""
    caveats = []
    is_synthetic = trained_on_synthetic(checkpoint)
    if is_synthetic:
        caveats.append(SYNTHETIC_WEIGHTS)
    elif is_synthetic is None:
        caveats.append(UNKNOWN_TRAINING)
    if not is_threshold_fitted:
        caveats.append(UNFITTED_THRESHOLD)
    if not are_windows_known:
        caveats.append(UNFITTED_WINDOWS)
    if not calibration.is_fitted:
        caveats.append(UNCALIBRATED)
    elif calibration.band is None:
        caveats.append(NO_BAND)
    return caveats


def face_caveats(training: FaceTraining, are_faces_scored: bool) -> list[str]:
    """Return what is to be said where training and prediction may look at different pictures.

    Args:
        training: What the weights were trained on.
        are_faces_scored: Whether face crops are scored, and not whole frames.
    """
    if not are_faces_scored:
        if training.on_faces is None:
            return [UNKNOWN_PICTURES]
        return [FRAMES_FOR_FACES] if training.on_faces else []
    if training.on_faces is False:
        return [FACES_FOR_FRAMES]
    return [] if training.is_known else [UNKNOWN_CROPS]


def file_caveats(info: MediaInfo, num_damaged: int = 0) -> list[str]:
    """Return what is to be said of the scores of a file: what of it nobody has looked at.

    Args:
        info: What the file holds.
        num_damaged: Frames and packets of sound that were looked at, and that are damaged.
    """
    caveats = [*info.remarks]
    if missing_seconds(info):
        caveats.insert(
            0, f"the file was cut short, only its first {info.duration_seconds:.1f} s are scored"
        )
    if num_damaged:
        caveats.append(
            f"the file is damaged: decoders report errors in {num_damaged} of the frames and "
            "packets of sound that were looked at"
        )
    return caveats


def missing_seconds(info: MediaInfo) -> float:
    """Return how much of what its header promises a file lacks; 0 if no more than rounding."""
    missing = info.missing_seconds
    share = _MAX_MISSING_SHARE * (info.duration_seconds + missing)
    # Whether the last picture lasts as long as the others, headers do not agree.
    picture = 1.5 / info.fps if info.fps else 0.0
    limit = min(_MAX_MISSING_SECONDS, max(_MAX_ROUNDING_SECONDS, share, picture))
    return missing if missing > limit else 0.0
