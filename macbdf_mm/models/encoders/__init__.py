"""The two encoders: transformers that keep their grid."""

from macbdf_mm.models.encoders.audio_transformer_encoder import AudioTransformerEncoder
from macbdf_mm.models.encoders.video_transformer_encoder import VideoTransformerEncoder

__all__ = ["AudioTransformerEncoder", "VideoTransformerEncoder"]
