"""Which share of the clips of a score is fake: how far scores are probabilities."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from macbdf_mm.evaluation.functional.detection import ece
from macbdf_mm.evaluation.functional.reliability import reliability_bins
from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.theme import LIGHT, Theme, add_legend, new_figure, style_axes
from macbdf_mm.structures.labels import TRACKS


def draw_reliability(videos: Sequence[VideoScores], theme: Theme = LIGHT) -> Figure:
    """Return a square figure with a line for each track; on the diagonal, 0.8 means 0.8.

    The points are the bins of the calibration error, which stands in the legend; the larger a
    point, the more clips it has.

    Args:
        videos: The scored videos.
        theme: Colours.
    """
    figure = new_figure(theme, 4.8, 4.6)
    axes = figure.subplots()
    style_axes(
        axes,
        theme,
        title="Reliability",
        xlabel="score, P(fake)",
        ylabel="share of fakes among them",
    )
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=0.9, linestyle=(0, (4, 4)))
    for track in TRACKS:
        labels, scores = labelled_scores(videos, track)
        if not labels.size:
            continue
        bins = reliability_bins(labels, scores)
        axes.plot(
            bins.scores,
            bins.fake_shares,
            color=theme.of(track),
            linewidth=1.5,
            label=f"{track}  {ece(labels, scores):.3f}",
        )
        sizes = 8 + 120 * bins.num_clips / labels.size
        axes.scatter(bins.scores, bins.fake_shares, sizes, color=theme.of(track))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    if axes.get_legend_handles_labels()[0]:
        add_legend(axes, theme, "lower right")
    return figure
