"""From packed samples to the tensors that the model takes."""

from macbdf_mm.models.data_preprocessors.forgery_data_preprocessor import (
    ForgeryDataPreprocessor,
)

__all__ = ["ForgeryDataPreprocessor"]
