"""Data sets: the annotation format, the dataset class and its transforms."""

from macbdf_mm.datasets.annotation import Annotation, ClipRow, load_annotation, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset

__all__ = [
    "Annotation",
    "AudioVisualForgeryDataset",
    "ClipRow",
    "load_annotation",
    "save_annotation",
]
