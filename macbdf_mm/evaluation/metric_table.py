"""The table of metrics: one row each, which everything that measures or shows them reads.

``ForgeryMetric`` and the logs, the printed table, the pages, the rule for the best checkpoint and
the studies take name, label, format and direction from here. :func:`add_metric` adds a row, also
from a module outside of this package.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.chance_calibration import ece_by_chance
from macbdf_mm.evaluation.functional.cluster_bootstrap import measure_of
from macbdf_mm.evaluation.functional.costs import (
    weighted_act_dcf,
    weighted_cllr,
    weighted_min_dcf,
)
from macbdf_mm.evaluation.functional.decisions import (
    weighted_accuracy,
    weighted_balanced_accuracy,
)
from macbdf_mm.evaluation.functional.detection import (
    Labels,
    Scores,
    accuracy,
    act_dcf,
    auc,
    aurc,
    average_precision,
    balanced_accuracy,
    brier,
    cllr,
    ece,
    eer,
    has_both_classes,
    log_loss,
    min_dcf,
    tpr_at_fpr,
)
from macbdf_mm.evaluation.functional.proper_scores import (
    weighted_brier,
    weighted_ece,
    weighted_log_loss,
)
from macbdf_mm.evaluation.functional.ranking import (
    weighted_auc,
    weighted_average_precision,
    weighted_eer,
    weighted_tpr_at_fpr,
)
from macbdf_mm.evaluation.functional.selective import weighted_aurc
from macbdf_mm.evaluation.functional.weighted_clips import Floats, Measure
from macbdf_mm.structures.labels import FAKE, REAL

Breakdown = Literal["category", "method", "step"]
Function = TypeVar("Function", bound=Callable[..., float])

UNDEFINED = "-"
"""Shown in tables instead of a figure that is not defined."""


@dataclass(frozen=True)
class Metric:
    """A row of the table: how a figure is computed, called and written.

    Attributes:
        name: Its key in logs and results, as in ``overall/auc``.
        function: Takes labels (1 fake, 0 real; int64, shape (N,)) and scores (P(fake); float64,
            shape (N,)) of the clips that have both, and returns a number.
        label: Its heading in tables.
        higher_is_better: The direction; None where neither is better.
        takes_threshold: Whether the function takes the decision threshold as a third argument.
        needs_both_classes: Whether it is NaN where real or fake clips are missing. A group of
            fakes is then measured against all real clips.
        has_interval: Whether it gets a 95 % interval by a bootstrap of clusters, ``<name>_low``
            to ``<name>_high``.
        breakdowns: Measured as well by ``'category'``, by forgery ``'method'``, and over the time
            ``'step'`` scores of a frame-level head.
        is_shown: Whether it is a column of the tables; results hold it anyway.
        format_spec: How its value is written; ``'d'`` for counts.
        weighted: The same metric for the resamples of a cluster bootstrap, a function of weighted
            clips and, with ``takes_threshold``, the threshold. Without it, :meth:`measure` calls
            the function once for each resample.
    """

    name: str
    function: Callable[..., float]
    label: str
    higher_is_better: bool | None
    takes_threshold: bool = False
    needs_both_classes: bool = True
    has_interval: bool = False
    breakdowns: tuple[Breakdown, ...] = ()
    is_shown: bool = True
    format_spec: str = ".3f"
    weighted: Callable[..., Floats] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all its figures: its own, and those of the ends of its interval."""
        ends = (f"{self.name}_low", f"{self.name}_high") if self.has_interval else ()
        return (self.name, *ends)

    def key(self, track: str) -> str:
        """Return the key of its value for ``overall``, ``video`` or ``audio``."""
        return f"{track}/{self.name}"

    def value(self, labels: Labels, scores: Scores, threshold: float) -> float:
        """Return its value, NaN where it is not defined.

        Args:
            labels: 1 fake, 0 real, shape (N,).
            scores: P(fake), shape (N,).
            threshold: A clip is called fake if its score is at least this.
        """
        if self.needs_both_classes and not has_both_classes(labels):
            return math.nan
        extra = (threshold,) if self.takes_threshold else ()
        value = self.function(labels, scores, *extra)
        return int(value) if self.format_spec == "d" else float(value)

    def measure(self, threshold: float) -> Measure:
        """Return the metric as a cluster bootstrap takes it.

        Args:
            threshold: A clip is called fake if its score is at least this.
        """
        if self.weighted is None:
            return measure_of(lambda labels, scores: self.value(labels, scores, threshold))
        return (
            partial(self.weighted, threshold=threshold) if self.takes_threshold else self.weighted
        )

    def format(self, value: float | None) -> str:
        """Return a value as tables show it, a dash where it is not defined."""
        if value is None or math.isnan(value):
            return UNDEFINED
        return format(int(value) if self.format_spec == "d" else value, self.format_spec)


METRIC_TABLE: dict[str, Metric] = {}
"""The metrics by name, in the order of the columns of tables."""


def add_metric(name: str, **fields: Any) -> Callable[[Function], Function]:
    """Return a decorator that adds a function to the table of metrics, and leaves it as it is.

    Args:
        name: Key of the metric.
        **fields: The other fields of :class:`Metric`; ``label`` and ``higher_is_better`` at least.

    Raises:
        ValueError: If the name is no lower-case identifier or one of its figures is in the table.
    """

    def add(function: Function) -> Function:
        metric = Metric(name, function, **fields)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ArgumentError(
                f"Expected `name` of lower-case letters, digits and '_', got {name!r}: it becomes "
                "a part of keys such as 'overall/auc'."
            )
        taken = {used for other in METRIC_TABLE.values() for used in other.names}
        if double := sorted(taken.intersection(metric.names)):
            raise ArgumentError(
                f"Expected a new `name`, got {name!r}: '{double[0]}' is in the table of metrics "
                "already; choose another name."
            )
        METRIC_TABLE[name] = metric
        return function

    return add


_HIGHER: dict[str, Any] = {"higher_is_better": True, "has_interval": True}
_LOWER: dict[str, Any] = {"higher_is_better": False, "has_interval": True}
_DECISION: dict[str, Any] = {"takes_threshold": True, "needs_both_classes": False}

add_metric(
    "auc",
    label="AUC",
    breakdowns=("category", "method", "step"),
    weighted=weighted_auc,
    **_HIGHER,
)(auc)
add_metric("ap", label="AP", weighted=weighted_average_precision, **_HIGHER)(average_precision)
add_metric("eer", label="EER", weighted=weighted_eer, **_LOWER)(eer)
add_metric(
    "acc",
    label="ACC",
    breakdowns=("category",),
    weighted=weighted_accuracy,
    **_HIGHER,
    **_DECISION,
)(accuracy)
add_metric(
    "balanced_acc",
    label="balanced ACC",
    takes_threshold=True,
    weighted=weighted_balanced_accuracy,
    **_HIGHER,
)(balanced_accuracy)
for _name, _rate in (("tpr_at_fpr_1e2", 1e-2), ("tpr_at_fpr_1e3", 1e-3)):
    add_metric(
        _name,
        label=f"TPR at FPR {_rate:g}",
        weighted=partial(weighted_tpr_at_fpr, max_fpr=_rate),
        **_HIGHER,
    )(partial(tpr_at_fpr, max_fpr=_rate))
add_metric("min_dcf", label="minDCF", weighted=weighted_min_dcf, **_LOWER)(min_dcf)
add_metric("act_dcf", label="actDCF", weighted=weighted_act_dcf, **_LOWER)(act_dcf)
add_metric("cllr", label="Cllr (bits)", weighted=weighted_cllr, **_LOWER)(cllr)
for _name, _label, _function, _weighted in (
    ("log_loss", "log-loss", log_loss, weighted_log_loss),
    ("brier", "Brier score", brier, weighted_brier),
    ("ece", "calibration error", ece, weighted_ece),
):
    add_metric(_name, label=_label, needs_both_classes=False, weighted=_weighted, **_LOWER)(
        _function
    )
add_metric(
    "ece_by_chance",
    label="calibration error by chance",
    higher_is_better=None,
    needs_both_classes=False,
)(ece_by_chance)
add_metric("aurc", label="AURC", weighted=weighted_aurc, **_LOWER, **_DECISION)(aurc)


@add_metric(
    "always_fake_acc",
    label='ACC of "always fake"',
    higher_is_better=None,
    needs_both_classes=False,
)
def _always_fake_accuracy(labels: Labels, scores: Scores) -> float:
    """Return the accuracy of calling everything fake, to be read beside the accuracy."""
    return accuracy(labels, np.ones_like(scores), threshold=0.5)


@add_metric(
    "threshold",
    label="threshold",
    higher_is_better=None,
    takes_threshold=True,
    needs_both_classes=False,
)
def _threshold(labels: Labels, scores: Scores, threshold: float) -> float:
    return threshold


@add_metric(
    "num_real", label="real", higher_is_better=None, needs_both_classes=False, format_spec="d"
)
def _num_real(labels: Labels, scores: Scores) -> int:
    return int((labels == REAL).sum())


@add_metric(
    "num_fake", label="fake", higher_is_better=None, needs_both_classes=False, format_spec="d"
)
def _num_fake(labels: Labels, scores: Scores) -> int:
    return int((labels == FAKE).sum())
