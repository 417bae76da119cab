import numpy as np
import pytest
from matplotlib.colors import to_hex

from macbdf_mm.evaluation.functional.reliability import ReliabilityBins
from macbdf_mm.evaluation.track_reliability import TrackReliability, measure_reliability
from macbdf_mm.reports.figures.reliability import draw_reliability
from macbdf_mm.reports.figures.theme import DARK, LIGHT, MARKERS
from macbdf_mm.structures.labels import TRACKS

BINS = ReliabilityBins(np.array([0.11, 0.9]), np.array([0.25, 1.0]), np.array([40, 120]))
RAW = ReliabilityBins(np.array([0.5]), np.array([0.8125]), np.array([160]))
OWN = TrackReliability(BINS, np.array([[0.1, 0.5], [0.9, 1.0]]), 0.11, 0.04, RAW, 0.3125)


def test_points_are_the_bins_of_the_calibration_error(tested_videos):
    found = measure_reliability(tested_videos, num_resamples=20)
    figure = draw_reliability(found)
    shares = figure.axes[: len(TRACKS)]
    for axes, track in zip(shares, TRACKS, strict=True):
        assert axes.get_title(loc="left").split(": ")[0] == track
        own = found[track].bins
        _, points = axes.get_lines()[:2]
        np.testing.assert_allclose(points.get_xydata().T, [own.scores, own.fake_shares])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_before_and_after_can_be_told_apart_without_colour(theme):
    shares, counts = draw_reliability({"video": OWN}, theme).axes
    diagonal, before, after = [line for line in shares.get_lines() if len(line.get_xdata()) != 0][
        :3
    ]
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert before.get_xydata().tolist() == [[0.5, 0.8125]]
    assert before.get_linestyle() != after.get_linestyle()
    assert before.get_marker() == after.get_marker() == MARKERS["video"]
    assert to_hex(before.get_markerfacecolor()) == theme.paper, "hollow"
    assert to_hex(after.get_markerfacecolor()) == theme.video
    said = [text.get_text() for text in shares.get_legend().get_texts()]
    assert said == [
        "exact scores, by chance: 0.040", "before calibration: 0.312", "calibrated: 0.110",
    ]  # fmt: skip
    assert shares.get_title(loc="left") == "video: calibration error 0.110"
    assert to_hex(figure_paper(shares)) == theme.paper
    assert counts.get_xlabel() == "score, P(fake)"


def figure_paper(axes):
    return axes.figure.get_facecolor()


def test_each_bin_has_its_interval_and_its_count():
    shares, counts = draw_reliability({"video": OWN}).axes
    [whiskers] = shares.containers
    drawn = [segment for bars in whiskers[2] for segment in bars.get_segments()]
    np.testing.assert_allclose(
        [segment[:, 1] for segment in drawn], [[0.1, 0.5], [0.9, 1.0]], atol=1e-12
    )
    assert [bar.get_height() for bar in counts.patches] == [40, 120]
    assert [text.get_text() for text in counts.texts] == ["40", "120"]
    # The middle of the bins 1 and 13 of 15.
    middles = [bar.get_x() + bar.get_width() / 2 for bar in counts.patches]
    np.testing.assert_allclose(middles, [1.5 / 15, 13.5 / 15])


def test_scores_that_were_not_calibrated_are_called_so(tested_videos):
    found = measure_reliability(tested_videos, num_resamples=0)
    said = draw_reliability(found).axes[0].get_legend().get_texts()
    error = found["overall"].error
    assert [text.get_text() for text in said][1:] == [f"not calibrated: {error:.3f}"]


def test_nothing_to_draw_is_said():
    assert draw_reliability({}).axes[0].get_title(loc="left") == "No labelled clip has a score"
