"""The network: plain layers, and the parts that configs name."""

from macbdf_mm.models.backbones.large_kernel_backbone import MFTLKABackbone, MSTLKABackbone
from macbdf_mm.models.data_preprocessors.forgery_data_preprocessor import ForgeryDataPreprocessor
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.models.encoders.audio_transformer_encoder import AudioTransformerEncoder
from macbdf_mm.models.encoders.mmaction_video_encoder import MMActionVideoEncoder
from macbdf_mm.models.encoders.video_transformer_encoder import VideoTransformerEncoder
from macbdf_mm.models.heads.forgery_frame_head import ForgeryFrameHead
from macbdf_mm.models.heads.forgery_mlp_head import ForgeryMLPHead
from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck
from macbdf_mm.models.necks.plain_fusion_neck import PlainFusionNeck

__all__ = [
    "MACBDF",
    "AudioTransformerEncoder",
    "ContrastiveFusionNeck",
    "ForgeryDataPreprocessor",
    "ForgeryFrameHead",
    "ForgeryMLPHead",
    "MFTLKABackbone",
    "MMActionVideoEncoder",
    "MSTLKABackbone",
    "PlainFusionNeck",
    "VideoTransformerEncoder",
]
