"""Data sets: the annotation format, the dataset class and its transforms.

Reading and writing annotations needs no PyTorch: the dataset class is imported when it is named.
"""

from typing import TYPE_CHECKING, Any

from macbdf_mm.datasets.annotation import Annotation, ClipRow, load_annotation, save_annotation

if TYPE_CHECKING:
    from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset

__all__ = [
    "Annotation",
    "AudioVisualForgeryDataset",
    "ClipRow",
    "load_annotation",
    "save_annotation",
]


def __getattr__(name: str) -> Any:
    if name == "AudioVisualForgeryDataset":
        from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset

        return AudioVisualForgeryDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
