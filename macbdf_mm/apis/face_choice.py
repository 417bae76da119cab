"""Whether a prediction looks at faces or at whole frames, and who looks for the faces."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.errors import ConfigError, MissingBackendError
from macbdf_mm.prepare.faces.detector import FaceDetector, build_detector

FaceChoice = Literal["auto", "crops", "whole-frame"]
"""``auto``: what the model was trained on; ``crops``: faces; ``whole-frame``: frames as they are,
as for files that are face crops already."""


def scores_faces(choice: FaceChoice, training: FaceTraining) -> bool:
    """Return whether faces are scored, and not whole frames."""
    return choice == "crops" or (choice == "auto" and bool(training.on_faces))


def detector_for(
    choice: FaceChoice,
    training: FaceTraining,
    detector: Mapping[str, Any] | None = None,
    imports: Sequence[str] = (),
) -> FaceDetector | None:
    """Return who looks for faces; None where whole frames are scored.

    Args:
        choice: What the user wants.
        training: What the model was trained on.
        detector: Config of a detector in ``FACE_DETECTORS``; None: that of the training.
        imports: Modules that register detectors.

    Raises:
        ConfigError: If there is no such detector, one is named although whole frames are scored,
            or these are wanted although the pipeline crops faces.
        MissingBackendError: If what the detector needs is not installed.
    """
    if choice not in get_args(FaceChoice):
        raise ConfigError(
            f"Expected `faces` 'auto', 'crops' or 'whole-frame' (--faces), got {choice!r}."
        )
    if choice == "whole-frame" and training.in_pipeline:
        raise ConfigError(
            "The pipeline of the config crops faces (CropFaceTrack), so whole frames cannot be "
            "scored; leave out --faces whole-frame (`faces='whole-frame'`)."
        )
    if not scores_faces(choice, training):
        if detector is not None or imports:
            raise ConfigError(
                "Whole frames are scored, so nobody looks for faces: leave out --detector and "
                "--import (`detector`, `imports`), or score faces with --faces crops "
                "(`faces='crops'`)."
            )
        return None
    try:
        return build_detector(detector or training.detector, imports)
    except MissingBackendError as error:
        if choice == "crops" or training.in_pipeline:
            raise
        raise MissingBackendError(
            "The weights were trained on face crops, so faces have to be found first: "
            f"{str(error).rstrip('.')}; or score whole frames with --faces whole-frame "
            "(`faces='whole-frame'`), which is right for files that are face crops already."
        ) from error
