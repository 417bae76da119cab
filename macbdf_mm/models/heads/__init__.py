"""Classifiers and their losses."""

from macbdf_mm.models.heads.forgery_frame_head import ForgeryFrameHead
from macbdf_mm.models.heads.forgery_mlp_head import ForgeryMLPHead

__all__ = ["ForgeryFrameHead", "ForgeryMLPHead"]
