"""The network: plain layers, and the parts that configs name."""

from macbdf_mm.models.backbones import MFTLKABackbone, MSTLKABackbone
from macbdf_mm.models.data_preprocessors import ForgeryDataPreprocessor
from macbdf_mm.models.detectors import MACBDF
from macbdf_mm.models.encoders import AudioTransformerEncoder, VideoTransformerEncoder
from macbdf_mm.models.heads import ForgeryFrameHead, ForgeryMLPHead
from macbdf_mm.models.necks import ContrastiveFusionNeck, PlainFusionNeck

__all__ = [
    "MACBDF",
    "AudioTransformerEncoder",
    "ContrastiveFusionNeck",
    "ForgeryDataPreprocessor",
    "ForgeryFrameHead",
    "ForgeryMLPHead",
    "MFTLKABackbone",
    "MSTLKABackbone",
    "PlainFusionNeck",
    "VideoTransformerEncoder",
]
