import numpy as np

from macbdf_mm.reports.figures.thin_line import thin_line


def test_short_lines_stay():
    x, y = thin_line([0, 1, 1], [0, 0.5, 1])
    assert (x.tolist(), y.tolist()) == ([0, 1, 1], [0, 0.5, 1])


def test_long_lines_keep_their_ends_and_their_course():
    rng = np.random.default_rng(0)
    # A ROC curve: steps to the right or up, steep at first.
    is_up = rng.random(100_000) < np.linspace(0.99, 0.01, 100_000)
    x, y = np.cumsum(~is_up) / (~is_up).sum(), np.cumsum(is_up) / is_up.sum()
    thin = thin_line(x, y, 500)
    assert 400 < thin[0].size <= 500
    assert (thin[0][0], thin[1][0]) == (x[0], y[0])
    assert (thin[0][-1], thin[1][-1]) == (1, 1)
    # Between the points that are left the line is nowhere off by more than a pixel would show.
    assert np.abs(np.interp(x, *thin) - np.interp(x, x, y)).max() < 0.01
