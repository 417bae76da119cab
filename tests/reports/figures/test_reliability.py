import numpy as np
import pytest

from macbdf_mm.evaluation.functional.detection import ece
from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.reports.figures.reliability import draw_reliability
from macbdf_mm.structures.labels import TRACKS


def test_points_are_the_bins_of_the_calibration_error(tested_videos):
    axes = draw_reliability(tested_videos).axes[0]
    lines = axes.get_lines()[1:]
    texts = [text.get_text().split() for text in axes.get_legend().get_texts()]
    assert [name for name, _ in texts] == list(TRACKS)
    for line, (track, said) in zip(lines, texts, strict=True):
        labels, scores = labelled_scores(tested_videos, track)
        bins = np.minimum((scores * 15).astype(int), 14)
        expected = [
            (scores[bins == place].mean(), labels[bins == place].mean()) for place in set(bins)
        ]
        np.testing.assert_allclose(sorted(line.get_xydata().tolist()), sorted(expected))
        assert float(said) == pytest.approx(ece(labels, scores), abs=5e-4)


def test_nothing_but_the_diagonal_without_labels():
    axes = draw_reliability([]).axes[0]
    assert len(axes.get_lines()) == 1
    assert axes.get_legend() is None
