"""AUC of each forgery operator against the real clips, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, style_axes


@dataclass(frozen=True)
class OperatorScore:
    """How well the fakes of one operator are told from real clips.

    Attributes:
        operator: Its name.
        track: The track it forges: ``video`` or ``audio``.
        num_clips: Fake clips of this operator.
        auc: Area under the ROC curve against all real clips.
        auc_low: Lower end of the bootstrap interval.
        auc_high: Upper end of the bootstrap interval.
        found_share: Share of them that score at or above the threshold.
        is_held_out: Whether training never saw the operator.
    """

    operator: str
    track: str
    num_clips: int
    auc: float
    auc_low: float
    auc_high: float
    found_share: float
    is_held_out: bool


def draw_operator_bars(scores: Sequence[OperatorScore], theme: Theme = LIGHT) -> Figure:
    """Return a figure with one horizontal bar an operator; hatched: held out of training."""
    figure = new_figure(theme, 6.2, 1.0 + 0.4 * max(1, len(scores)))
    fill_operator_axes(figure.subplots(), scores, theme)
    return figure


def fill_operator_axes(axes: Axes, scores: Sequence[OperatorScore], theme: Theme) -> None:
    """Draw the bars into existing axes, in the order given, from top to bottom."""
    style_axes(axes, theme, title="AUC by forgery operator", xlabel="AUC against real clips")
    axes.grid(False, axis="y")
    for row, score in enumerate(scores):
        colour = theme.of(score.track)
        axes.barh(
            row,
            score.auc,
            height=0.66,
            color=theme.paper if score.is_held_out else colour,
            edgecolor=colour,
            hatch="////" if score.is_held_out else None,
            linewidth=1.2,
        )
        axes.plot([score.auc_low, score.auc_high], [row, row], color=theme.ink, linewidth=1.4)
    names = [f"{s.operator}{' (held out)' if s.is_held_out else ''}" for s in scores]
    axes.set_yticks(range(len(scores)), names)
    axes.axvline(0.5, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
