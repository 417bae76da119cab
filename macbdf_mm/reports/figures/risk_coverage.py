"""What a detector gains by leaving its least certain clips undecided."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from macbdf_mm.evaluation.functional.detection import aurc
from macbdf_mm.evaluation.functional.selective import risk_coverage
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.theme import (
    LIGHT,
    LINE_STYLES,
    Theme,
    add_legend,
    new_figure,
    style_axes,
)
from macbdf_mm.reports.figures.thin_line import thin_line
from macbdf_mm.structures.labels import FAKE, TRACKS


def draw_risk_coverage(
    videos: Sequence[VideoScores] | ScoredClips,
    thresholds: Mapping[str, float],
    band: UncertainBand | None = None,
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure of the share of wrong verdicts against the share of clips decided.

    The legend has the area under each curve. A diamond marks the clips outside of the uncertain
    band, and a dashed line the share of errors that the band was to keep.

    Args:
        videos: The scored videos.
        thresholds: Decision threshold of each track.
        band: Overall scores that are called uncertain; None if there are none.
        theme: Colours.
    """
    figure = new_figure(theme, 5.4, 3.7)
    axes = figure.subplots()
    style_axes(
        axes,
        theme,
        title="Errors by coverage",
        xlabel="share of clips decided, most certain first",
        ylabel="share of wrong verdicts",
    )
    highest = 0.0
    for track in TRACKS:
        labels, scores = labelled_scores(videos, track)
        if not labels.size:
            continue
        curve = risk_coverage(labels, scores, thresholds[track])
        axes.plot(
            *thin_line([0, *curve.coverages], [curve.risks[0], *curve.risks]),
            drawstyle="steps-pre",
            color=theme.of(track),
            linewidth=2.2 if track == "overall" else 1.5,
            linestyle=LINE_STYLES[track],
            label=f"{track}  AURC {aurc(labels, scores, thresholds[track]):.3f}",
        )
        # The first few clips may all be wrong; they would squeeze the rest of the curve.
        highest = max(highest, curve.risks[curve.coverages >= 0.1].max())
    labels, scores = labelled_scores(videos, "overall")
    if band is not None and band.low < band.high and labels.size:
        called = np.array([band.verdict(score) for score in scores])
        is_decided = called != "uncertain"
        axes.axhline(band.max_error, color=theme.muted, linewidth=1, linestyle=(0, (4, 4)))
        highest = max(highest, band.max_error)
        if is_decided.any():
            is_wrong = (called == "fake") != (labels == FAKE)
            point = is_decided.mean(), is_wrong[is_decided].mean()
            axes.plot(
                *point, "D", color=theme.ink, markersize=7, linestyle="none",
                label=f"outside the band: {point[0]:.0%} decided, {point[1]:.0%} wrong",
            )  # fmt: skip
            highest = max(highest, point[1])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.005, max(1.5 * highest, 0.05))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1])
    if axes.get_legend_handles_labels()[0]:
        add_legend(axes, theme, "upper left")
    return figure
