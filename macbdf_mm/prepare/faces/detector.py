"""What a face detector is, to the rest of the package."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Detections:
    """The faces that were found in one picture, in no particular order."""

    boxes: npt.NDArray[np.floating]
    """Left, top, right, bottom in pixels, shape (N, 4)."""
    scores: npt.NDArray[np.floating]
    """How sure the detector is, in [0, 1], shape (N,)."""


class FaceDetector(Protocol):
    """Finds faces in pictures.

    To use one of your own, register it and name it::

        @FACE_DETECTORS.register_module()
        class MyDetector:
            def detect(self, images): ...

    ``macbdf_mm.registry`` has the registry. What decides the result belongs into the
    constructor's arguments: results are kept under them.
    """

    def detect(self, images: npt.NDArray[np.uint8]) -> list[Detections]:
        """Return the faces of each picture.

        Args:
            images: RGB, shape (B, H, W, 3), upright.
        """
        ...
