"""Detectors that come with the package; their backends are imported when they are built."""

from macbdf_mm.prepare.faces.detectors.mtcnn_detector import MTCNNDetector

__all__ = ["MTCNNDetector"]
