import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.functional.localisation.soft_nms import soft_nms


def by_loop(rows, sigma):
    """Soft-NMS of one file as its paper writes it."""
    left = [list(map(float, row)) for row in rows]
    done = []
    while left:
        best = max(left, key=lambda row: (row[2], -row[0], -row[1]))
        left.remove(best)
        done.append(best)
        for row in left:
            shared = max(0.0, min(row[1], best[1]) - max(row[0], best[0]))
            iou = shared / (row[1] - row[0] + best[1] - best[0] - shared)
            row[2] *= np.exp(-(iou**2) / sigma)
    return sorted(done, key=lambda row: (-row[2], row[0], row[1]))


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_equals_a_loop(sigma):
    generator = np.random.default_rng(0)
    files = []
    for count in [0, 1, 2, 3, 5, 8, 17, 40, 3]:
        starts = generator.random(count) * 5
        lengths = 0.1 + generator.random(count) * 3
        files.append(np.stack([starts, starts + lengths, generator.random(count)], axis=1))
    found = soft_nms(Segments.from_files(files), sigma).to_rows()
    for rows, expected in zip(found, files, strict=True):
        np.testing.assert_allclose(rows, np.reshape(by_loop(expected, sigma), (-1, 3)), atol=1e-12)


def test_what_does_not_overlap_keeps_its_score():
    rows = [(0, 1, 0.9), (1, 2, 0.8), (5, 6, 0.7)]
    np.testing.assert_array_equal(soft_nms(Segments.from_files([rows]), 0.3).to_rows()[0], rows)


def test_duplicates_and_empty_intervals():
    found = soft_nms(Segments.from_files([[(0, 1, 0.5), (0, 1, 0.5), (2, 2, 0.1)]]), 0.5)
    assert found.scores == pytest.approx([0.5, 0.1, 0.5 * np.exp(-2)])


def test_no_width():
    with pytest.raises(ValueError, match="`sigma` > 0, got 0"):
        soft_nms(Segments.from_files([[(0, 1, 0.5)]]), 0)
