"""The two towers of large-kernel attention."""

from macbdf_mm.models.backbones.mftlka_backbone import MFTLKABackbone
from macbdf_mm.models.backbones.mstlka_backbone import MSTLKABackbone

__all__ = ["MFTLKABackbone", "MSTLKABackbone"]
