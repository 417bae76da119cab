"""The steps of the data path, each on a dict of results."""

from macbdf_mm.datasets.transforms.audio_codec import AudioCodec
from macbdf_mm.datasets.transforms.audio_gain import AudioGain
from macbdf_mm.datasets.transforms.audio_noise import AudioNoise
from macbdf_mm.datasets.transforms.clip_color_jitter import ClipColorJitter
from macbdf_mm.datasets.transforms.crop_face_track import CropFaceTrack
from macbdf_mm.datasets.transforms.decode_audio_visual import DecodeAudioVisual
from macbdf_mm.datasets.transforms.pack_forgery_inputs import PackForgeryInputs
from macbdf_mm.datasets.transforms.read_cached_inputs import ReadCachedInputs
from macbdf_mm.datasets.transforms.sample_clip_span import SampleClipSpan

__all__ = [
    "AudioCodec",
    "AudioGain",
    "AudioNoise",
    "ClipColorJitter",
    "CropFaceTrack",
    "DecodeAudioVisual",
    "PackForgeryInputs",
    "ReadCachedInputs",
    "SampleClipSpan",
]
