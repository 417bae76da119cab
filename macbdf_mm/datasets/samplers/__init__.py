"""The orders in which a config can have clips taken from a data set."""

from macbdf_mm.datasets.samplers.balanced_sampler import BalancedSampler

__all__ = ["BalancedSampler"]
