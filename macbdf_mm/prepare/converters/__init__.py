"""From data sets as they were published to the project's annotation."""

from macbdf_mm.prepare.converters.convert_dataset import ConversionOptions, convert_dataset
from macbdf_mm.prepare.converters.converter import Converter, RowCollector

__all__ = ["ConversionOptions", "Converter", "RowCollector", "convert_dataset"]
