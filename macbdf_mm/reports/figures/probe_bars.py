"""How well single properties of files tell real from fake."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import LIGHT, Theme, new_figure, style_axes

# Left of it is only luck.
_LOWEST = 0.3


@dataclass(frozen=True)
class ProbeBar:
    """One bar.

    Attributes:
        name: Of the property.
        auc: How well it tells real from fake, NaN if that is not known.
        half_width: Of the whisker around it, in AUC.
        verdict: ``'leak'``, ``'suspicious'``, ``'none'`` or ``'unknown'``.
    """

    name: str
    auc: float
    half_width: float
    verdict: str


def draw_probe_bars(bars: Sequence[ProbeBar], title: str, theme: Theme = LIGHT) -> Figure:
    """Return a figure with one horizontal bar a property, from 0.5, which is chance.

    Bars of leaks have the colour of fakes, suspicious ones that of sound, others that of real.

    Args:
        bars: From top to bottom.
        title: Of the figure.
        theme: Colours.
    """
    figure = new_figure(theme, 5.5, 1.0 + 0.36 * max(1, len(bars)))
    fill_probe_axes(figure.subplots(), bars, title, theme)
    return figure


def fill_probe_axes(axes: Axes, bars: Sequence[ProbeBar], title: str, theme: Theme) -> None:
    """Draw the bars into existing axes."""
    style_axes(axes, theme, title=title, xlabel="AUC of the property alone")
    axes.grid(False, axis="y")
    colours = {"leak": theme.fake, "suspicious": theme.audio}
    for row, bar in enumerate(bars):
        if math.isnan(bar.auc):
            axes.text(0.505, row, "too few clips", va="center", fontsize=9, color=theme.muted)
            continue
        colour = colours.get(bar.verdict, theme.real)
        axes.barh(row, bar.auc - 0.5, left=0.5, height=0.62, color=colour)
        low, high = max(bar.auc - bar.half_width, _LOWEST), min(bar.auc + bar.half_width, 1.0)
        axes.plot([low, high], [row, row], color=theme.ink, linewidth=1)
        axes.text(
            max(high, 0.5) + 0.01, row, f"{bar.auc:.2f}", va="center", fontsize=9, color=theme.ink
        )
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.axvline(0.5, color=theme.muted, linewidth=0.9)
    axes.set_xlim(_LOWEST, 1.08)
    axes.invert_yaxis()
