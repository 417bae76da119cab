"""What a face detector is, to the rest of the package, and how one is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ConfigError
from macbdf_mm.registered_parts import import_modules, known_parts
from macbdf_mm.registry import FACE_DETECTORS


@dataclass(frozen=True)
class Detections:
    """The faces detected in one picture, in no particular order."""

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


def build_detector(
    config: Mapping[str, Any] | None, imports: Sequence[str] = ()
) -> FaceDetector | None:
    """Return the detector that a config names, None for no config.

    Args:
        config: The name of a class in ``FACE_DETECTORS`` as ``type``, and its arguments.
        imports: Modules that register detectors.

    Raises:
        ConfigError: If it is not registered, or a module cannot be imported.
        MissingBackendError: If what it needs is not installed.
    """
    import_modules(imports)
    if config is None:
        return None
    options = dict(config)
    name = options.pop("type", None)
    detectors = known_parts(FACE_DETECTORS)
    if name not in detectors:
        raise ConfigError(
            f"There is no face detector '{name}'; registered are: {', '.join(sorted(detectors))}. "
            "A class of your own is registered by the module that `imports` (`--import`) names."
        )
    try:
        return detectors[name](**options)
    except TypeError as error:
        raise ConfigError(f"`--detector-options` do not fit {name}: {error}.") from error
