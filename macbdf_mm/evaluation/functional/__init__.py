"""Measures of scores against labels: numpy arrays in, numbers out, no framework."""

from macbdf_mm.evaluation.functional.aggregation import (
    AGGREGATIONS,
    DEFAULT_AGGREGATION,
    aggregate_windows,
)
from macbdf_mm.evaluation.functional.bootstrap import bootstrap_interval
from macbdf_mm.evaluation.functional.ranking import auc, average_precision, eer, roc_curve
from macbdf_mm.evaluation.functional.thresholding import (
    accuracy,
    balanced_accuracy,
    best_threshold,
)

__all__ = [
    "AGGREGATIONS",
    "DEFAULT_AGGREGATION",
    "accuracy",
    "aggregate_windows",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "bootstrap_interval",
    "eer",
    "roc_curve",
]
