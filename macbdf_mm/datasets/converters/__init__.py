"""From data sets as they were published to the project's annotation."""

from macbdf_mm.datasets.converters.convert_dataset import (
    READERS,
    ConversionOptions,
    convert_dataset,
)

__all__ = ["READERS", "ConversionOptions", "convert_dataset"]
