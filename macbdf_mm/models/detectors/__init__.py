"""Whole detectors."""

from macbdf_mm.models.detectors.macbdf import MACBDF

__all__ = ["MACBDF"]
