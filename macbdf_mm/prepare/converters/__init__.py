"""From data sets as they were published to the project's annotation."""

from macbdf_mm.prepare.converters.convert_dataset import convert_dataset
from macbdf_mm.prepare.converters.converter import Converter, RowCollector

__all__ = ["Converter", "RowCollector", "convert_dataset"]
