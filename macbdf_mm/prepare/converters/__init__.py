"""From data sets as they were published to the project's annotation."""

from macbdf_mm.prepare.converters.convert_dataset import (
    NAMES,
    ConversionOptions,
    convert_dataset,
)
from macbdf_mm.prepare.converters.generic_options import GenericOptions

__all__ = ["NAMES", "ConversionOptions", "GenericOptions", "convert_dataset"]
