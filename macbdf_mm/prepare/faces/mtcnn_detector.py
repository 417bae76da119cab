"""Faces by the cascade of facenet-pytorch, whose wheel holds the weights."""

import re

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError, MissingBackendError
from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.registry import FACE_DETECTORS

_SMALLEST_SIDE = 20


@FACE_DETECTORS.register_module()
class MTCNNDetector:
    """Multi-task cascaded convolutional networks (Zhang et al., 2016), MIT-licensed.

    Args:
        min_face_pixels: Smaller faces are not looked for. A pyramid starts at this size, so
            half of it costs about four times as much.
        min_score: Less sure finds of the last stage are left out, in [0, 1].
        device: Where to compute, such as ``'cpu'`` or ``'cuda:0'``.

    Raises:
        MissingBackendError: If facenet-pytorch, or what it imports, is not installed; with
            the line that installs it.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, min_face_pixels: int = 20, min_score: float = 0.9, device: str = "cpu"
    ) -> None:
        if min_face_pixels < 1:
            raise ArgumentError(f"Expected `min_face_pixels` > 0, got {min_face_pixels}.")
        if not 0 <= min_score <= 1:
            raise ArgumentError(f"Expected `min_score` in [0, 1], got {min_score}.")
        self.min_face_pixels = min_face_pixels
        self.min_score = min_score
        self._network = _build_network(min_face_pixels, device)

    def detect(self, images: npt.NDArray[np.uint8]) -> list[Detections]:
        """Return the faces of each picture; see :class:`.FaceDetector`."""
        # The library cannot build a pyramid without a level.
        if min(images.shape[1:3]) < max(_SMALLEST_SIDE, self.min_face_pixels):
            return [_keep(None, None, 0.0) for _ in images]
        all_boxes, all_scores = self._network.detect(images)
        return [
            _keep(boxes, scores, self.min_score)
            for boxes, scores in zip(all_boxes, all_scores, strict=True)
        ]


def install_line(torch_version: str) -> str:
    """Return the commands that install the backend beside a version of torch.

    facenet-pytorch's own pins would downgrade torch and numpy, and torchvision must be the one
    made for the torch that is there: its minor version is torch's plus 15.
    """
    match = re.match(r"2\.(\d+)\.(\d+)", torch_version)
    vision = f"torchvision==0.{int(match[1]) + 15}.{match[2]}" if match else "torchvision"
    return (
        f"pip install --no-deps facenet-pytorch==2.6.0 {vision} && pip install requests tqdm pillow"
    )


def _build_network(min_face_pixels: int, device: str):
    import torch

    try:
        # Imported late: it is no dependency of the package.
        from facenet_pytorch import MTCNN
    except ImportError as error:
        raise MissingBackendError(
            f"MTCNNDetector needs facenet-pytorch, and importing it failed ({error}); install it "
            f"with: {install_line(torch.__version__)}"
        ) from error
    return MTCNN(keep_all=True, min_face_size=min_face_pixels, device=torch.device(device)).eval()


def _keep(
    boxes: npt.NDArray[np.floating] | None,
    scores: npt.NDArray[np.floating] | None,
    min_score: float,
) -> Detections:
    if boxes is None or scores is None:
        return Detections(np.zeros((0, 4)), np.zeros(0))
    boxes, scores = np.asarray(boxes, np.float64), np.asarray(scores, np.float64)
    # Its regression can turn a box at the rim inside out.
    good = (scores >= min_score) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(boxes[good], scores[good])
