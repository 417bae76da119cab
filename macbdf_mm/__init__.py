"""MACB-DF, an audio-visual deepfake detector, as parts for MMEngine.

Importing this package is light: it registers where the parts live, and MMEngine imports
them when a config first names one.
"""

from macbdf_mm.version import __version__

__all__ = ["__version__"]
