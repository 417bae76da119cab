"""Colours and the common look of all figures, once for light pages and once for dark ones."""

import io
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from macbdf_mm.errors import ArgumentError
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.tables import printable


@dataclass(frozen=True)
class Theme:
    """Colours of one page background; the pairs stay apart for colour-blind readers."""

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    overall: str
    video: str
    audio: str
    real: str
    fake: str

    def of(self, track: str) -> str:
        """Return the colour of ``overall``, ``video`` or ``audio``."""
        if track not in TRACKS:
            raise ArgumentError(f"Expected `track` in {TRACKS}, got {track!r}.")
        return str(getattr(self, track))


LINE_STYLES: dict[str, tuple[int, tuple[float, ...]]] = {
    "overall": (0, ()),
    "video": (0, (5, 2)),
    "audio": (0, (1.5, 1.5)),
}
"""Solid, dashed and dotted: lines of tracks can be told apart without their colours."""
MARKERS = {"overall": "o", "video": "s", "audio": "^"}


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1d2430",
    muted="#667085",
    grid="#e4e7ec",
    overall="#6c4bb6",
    video="#0072b2",
    audio="#d55e00",
    real="#2b8a6e",
    fake="#c2385a",
)
DARK = Theme(
    name="dark",
    paper="#171c26",
    ink="#e6e9ef",
    muted="#98a2b3",
    grid="#2b3342",
    overall="#b79bf2",
    video="#56b4e9",
    audio="#f0a05a",
    real="#5cc8a5",
    fake="#f27a98",
)


def new_figure(theme: Theme, width: float, height: float) -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches, drawn without a display."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def plain_text(text: str) -> str:
    """Return a text that others have chosen, for a figure: nothing in it is a formula or a sign.

    Names of files, methods and parts can hold dollars, and what a font cannot draw.
    """
    return printable(text).replace("$", r"\$")


def style_axes(
    axes: Axes,
    theme: Theme,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    grid: bool = True,
) -> None:
    """Give ``axes`` the common look: no box, quiet ticks, title of any lines on the left."""
    axes.set_facecolor(theme.paper)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.grid)
    axes.tick_params(colors=theme.muted, labelsize=9, length=0)
    if grid:
        axes.grid(True, color=theme.grid, linewidth=0.8)
        axes.set_axisbelow(True)
    if title:
        lines = "\n".join(map(plain_text, title.split("\n")))
        axes.set_title(lines, loc="left", fontsize=11, fontweight="bold", color=theme.ink)
    axes.set_xlabel(xlabel, fontsize=9, color=theme.muted)
    axes.set_ylabel(ylabel, fontsize=9, color=theme.muted)


def add_legend(
    axes: Axes, theme: Theme, location: Literal["best", "lower right", "upper left"] = "best"
) -> None:
    """Add a frameless legend in the theme's ink, by default where it covers least."""
    axes.legend(loc=location, frameon=False, fontsize=9, labelcolor=theme.ink)


def add_legend_above(axes: Axes, theme: Theme) -> None:
    """Add a legend of one line over the right end of the axes, beside the title."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.1,
        ncols=3,
        columnspacing=1.2,
        handlelength=1.4,
        frameon=False,
        fontsize=9,
        labelcolor=theme.ink,
    )


def to_png(figure: Figure, dots_per_inch: int = 120) -> bytes:
    """Return the figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, facecolor=figure.get_facecolor())
    return buffer.getvalue()
