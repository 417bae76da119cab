import pytest

from macbdf_mm.datasets.transforms.random_change import check_probability, check_range


def test_what_is_within_bounds_passes():
    check_probability("p", 0)
    check_probability("p", 1.0)
    check_range("r", (2, 2), 2, 2)


def test_what_is_not_is_named():
    with pytest.raises(ValueError, match=r"`p` in \[0, 1\], got 1\.5"):
        check_probability("p", 1.5)
    with pytest.raises(ValueError, match=r"`r` \(low, high\) with 0 <= .* <= 5, got \(3, 1\)"):
        check_range("r", (3, 1), 0, 5)
    with pytest.raises(ValueError, match=r"got \(3, 9\)"):
        check_range("r", (3, 9), 0, 5)
