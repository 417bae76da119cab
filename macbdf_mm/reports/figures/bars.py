"""Horizontal bars: AUC of each forgery operator, and of each property of the files alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.prepare.audit.shortcut_probes import NUM_STANDARD_ERRORS, ShortcutProbe
from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, plain_text, style_axes

# Where the axis of probes begins: left of it is only luck.
_LOWEST = 0.3


@dataclass(frozen=True)
class OperatorScore:
    """How well the fakes of one operator are told from real clips.

    Attributes:
        operator: Its name.
        track: The track it forges: ``video`` or ``audio``.
        num_clips: Fake clips of this operator.
        figures: By name what ``measure_track`` returns of them and all real clips; ``auc``,
            ``auc_low`` and ``auc_high`` are drawn.
        found_share: Share of them that score at or above the threshold.
        is_held_out: Whether training never saw the operator.
    """

    operator: str
    track: str
    num_clips: int
    figures: Mapping[str, float]
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
            score.figures["auc"],
            height=0.66,
            color=theme.paper if score.is_held_out else colour,
            edgecolor=colour,
            hatch="////" if score.is_held_out else None,
            linewidth=1.2,
        )
        ends = [score.figures["auc_low"], score.figures["auc_high"]]
        axes.plot(ends, [row, row], color=theme.ink, linewidth=1.4)
    names = [f"{plain_text(s.operator)}{' (held out)' if s.is_held_out else ''}" for s in scores]
    axes.set_yticks(range(len(scores)), names)
    axes.axvline(0.5, color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    axes.set_xlim(0, 1)
    axes.invert_yaxis()


def draw_probe_bars(probes: Sequence[ShortcutProbe], title: str, theme: Theme = LIGHT) -> Figure:
    """Return a figure with one horizontal bar a property, from 0.5, which is chance.

    Bars of leaks have the colour of fakes, suspicious ones that of sound, others that of real.

    Args:
        probes: From top to bottom; the whiskers reach as far as chance might.
        title: Of the figure.
        theme: Colours.
    """
    figure = new_figure(theme, 5.5, 1.0 + 0.36 * max(1, len(probes)))
    axes = figure.subplots()
    style_axes(axes, theme, title=title, xlabel="AUC of the property alone")
    axes.grid(False, axis="y")
    colours = {"leak": theme.fake, "suspicious": theme.audio}
    for row, probe in enumerate(probes):
        if math.isnan(probe.auc):
            axes.text(0.505, row, "too few clips", va="center", fontsize=9, color=theme.muted)
            continue
        colour = colours.get(probe.verdict, theme.real)
        axes.barh(row, probe.auc - 0.5, left=0.5, height=0.62, color=colour)
        reach = NUM_STANDARD_ERRORS * probe.standard_error
        low, high = max(probe.auc - reach, _LOWEST), min(probe.auc + reach, 1.0)
        axes.plot([low, high], [row, row], color=theme.ink, linewidth=1)
        axes.text(
            max(high, 0.5) + 0.01, row, f"{probe.auc:.2f}", va="center", fontsize=9, color=theme.ink
        )
    axes.set_yticks(range(len(probes)), [plain_text(probe.feature) for probe in probes])
    axes.axvline(0.5, color=theme.muted, linewidth=0.9)
    axes.set_xlim(_LOWEST, 1.08)
    axes.invert_yaxis()
    return figure
