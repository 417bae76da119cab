"""The metrics that a config can name."""

from macbdf_mm.evaluation.metrics.forgery_metric import ForgeryMetric

__all__ = ["ForgeryMetric"]
