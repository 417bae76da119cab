"""What crosses the modalities."""

from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck
from macbdf_mm.models.necks.plain_fusion_neck import PlainFusionNeck

__all__ = ["ContrastiveFusionNeck", "PlainFusionNeck"]
