"""MACB-DF, an audio-visual deepfake detector, as parts for MMEngine.

Importing this package is light: it tells MMEngine where the parts live, and they are imported
when a config first names one. PyTorch is not.
"""

from macbdf_mm import registry
from macbdf_mm.version import __version__

__all__ = ["__version__", "registry"]
