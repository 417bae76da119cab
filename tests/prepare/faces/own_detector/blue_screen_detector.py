"""A detector of one's own: whatever stands before a blue wall is a face.

The clips of the fixture ``make_face_clip`` are filmed before such a wall.
"""

import os
import time

import cv2
import numpy as np

from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.registry import FACE_DETECTORS


@FACE_DETECTORS.register_module()
class BlueScreenDetector:
    """Boxes of what is not blue; so many faces in one picture end the process, or the work."""

    def __init__(self, min_side=10, num_deadly=99, num_endless=99):
        self.min_side = min_side
        self.num_deadly = num_deadly
        self.num_endless = num_endless

    def detect(self, images):
        found = [self._detect(image.astype(np.int16)) for image in images]
        if max(len(detections.scores) for detections in found) >= self.num_deadly:
            os._exit(3)
        if max(len(detections.scores) for detections in found) >= self.num_endless:
            time.sleep(60)
        return found

    def _detect(self, image):
        is_wall = (image[..., 2] > 170) & (image[..., 0] < 90) & (image[..., 1] < 90)
        _, _, blobs, _ = cv2.connectedComponentsWithStats((~is_wall).astype(np.uint8))
        left, top, width, height, _ = blobs[1:].T
        large = np.minimum(width, height) >= self.min_side
        boxes = np.stack([left, top, left + width, top + height], axis=1)[large]
        return Detections(boxes.astype(np.float64), np.full(len(boxes), 0.9))
