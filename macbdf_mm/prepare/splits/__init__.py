"""Dividing data sets such that nothing is learned by heart and then tested."""

from macbdf_mm.prepare.splits.make_splits import make_splits

__all__ = ["make_splits"]
