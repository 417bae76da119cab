"""ROC curves of the three tracks, with their areas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.evaluation.functional.detection import roc_curve
from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.theme import LIGHT, Theme, add_legend, new_figure, style_axes
from macbdf_mm.structures.labels import FAKE, REAL


@dataclass(frozen=True)
class TrackRoc:
    """The ROC curve of one track, with its area and the interval of the area.

    Attributes:
        track: ``overall``, ``video`` or ``audio``.
        false_positive_rate: Shape (N,), rising from 0 to 1.
        true_positive_rate: Shape (N,).
        auc: Area under the curve.
        auc_low: Lower end of the bootstrap interval.
        auc_high: Upper end of the bootstrap interval.
        operating_point: (false, true) positive rate at the decision threshold, or None.
    """

    track: str
    false_positive_rate: npt.NDArray[np.float64]
    true_positive_rate: npt.NDArray[np.float64]
    auc: float
    auc_low: float
    auc_high: float
    operating_point: tuple[float, float] | None = None


def track_rocs(
    videos: Sequence[VideoScores], figures: Mapping[str, Mapping[str, float]]
) -> list[TrackRoc]:
    """Return a curve for each track that has real and fake videos.

    Args:
        videos: The scored videos.
        figures: Under each track what :func:`measure_track` returns.
    """
    curves = []
    for track, values in figures.items():
        labels, scores = labelled_scores(videos, track)
        if not values["num_real"] or not values["num_fake"]:
            continue
        points = roc_curve(labels, scores)
        is_called = scores >= values["threshold"]
        curves.append(
            TrackRoc(
                track=track,
                false_positive_rate=points.false_positive_rate,
                true_positive_rate=points.true_positive_rate,
                auc=values["auc"],
                auc_low=values["auc_low"],
                auc_high=values["auc_high"],
                operating_point=(
                    float(is_called[labels == REAL].mean()),
                    float(is_called[labels == FAKE].mean()),
                ),
            )
        )
    return curves


def draw_roc_curves(curves: Sequence[TrackRoc], theme: Theme = LIGHT) -> Figure:
    """Return a square figure of all ``curves``; a dot marks each decision threshold."""
    figure = new_figure(theme, 4.8, 4.6)
    fill_roc_axes(figure.subplots(), curves, theme)
    return figure


def fill_roc_axes(axes: Axes, curves: Sequence[TrackRoc], theme: Theme) -> None:
    """Draw ``curves`` into existing axes."""
    style_axes(
        axes,
        theme,
        title="ROC on the test split",
        xlabel="real clips called fake",
        ylabel="fake clips found",
    )
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    for curve in curves:
        colour = theme.of(curve.track)
        label = f"{curve.track}  {curve.auc:.3f}  [{curve.auc_low:.3f}, {curve.auc_high:.3f}]"
        axes.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=colour,
            linewidth=2.2 if curve.track == "overall" else 1.5,
            label=label,
        )
        if curve.operating_point is not None:
            axes.plot(*curve.operating_point, "o", color=colour, markeredgecolor=theme.paper)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    if curves:
        add_legend(axes, theme, "lower right")
