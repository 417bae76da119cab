"""The steps of the data path, each on a dict of results."""

from macbdf_mm.datasets.transforms.audio_compression import AudioCompression
from macbdf_mm.datasets.transforms.blank_start import BlankStart
from macbdf_mm.datasets.transforms.crop_face_track import CropFaceTrack
from macbdf_mm.datasets.transforms.decode_audio_visual import DecodeAudioVisual
from macbdf_mm.datasets.transforms.drop_frames import DropFrames
from macbdf_mm.datasets.transforms.drop_modality import DropModality
from macbdf_mm.datasets.transforms.forge_real_clip import ForgeRealClip
from macbdf_mm.datasets.transforms.mask_unusable import MaskUnusable
from macbdf_mm.datasets.transforms.pack_forgery_inputs import PackForgeryInputs
from macbdf_mm.datasets.transforms.picture_quality import (
    ClipBlur,
    ClipColorJitter,
    ClipDownscale,
    ClipNoise,
    JPEGCompression,
)
from macbdf_mm.datasets.transforms.read_cached_inputs import ReadCachedInputs
from macbdf_mm.datasets.transforms.reverse_time import ReverseTime
from macbdf_mm.datasets.transforms.sample_clip_span import SampleClipSpan
from macbdf_mm.datasets.transforms.shift_audio import ShiftAudio
from macbdf_mm.datasets.transforms.sound_quality import AudioCodec, AudioGain, AudioNoise
from macbdf_mm.datasets.transforms.swap_audio import SwapAudio
from macbdf_mm.datasets.transforms.trim_silence import TrimSilence
from macbdf_mm.datasets.transforms.video_compression import VideoCompression

__all__ = [
    "AudioCodec",
    "AudioCompression",
    "AudioGain",
    "AudioNoise",
    "BlankStart",
    "ClipBlur",
    "ClipColorJitter",
    "ClipDownscale",
    "ClipNoise",
    "CropFaceTrack",
    "DecodeAudioVisual",
    "DropFrames",
    "DropModality",
    "ForgeRealClip",
    "JPEGCompression",
    "MaskUnusable",
    "PackForgeryInputs",
    "ReadCachedInputs",
    "ReverseTime",
    "SampleClipSpan",
    "ShiftAudio",
    "SwapAudio",
    "TrimSilence",
    "VideoCompression",
]
