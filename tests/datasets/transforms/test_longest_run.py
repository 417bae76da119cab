import numpy as np
import pytest

from macbdf_mm.datasets.transforms.longest_run import longest_run


def slow(valid):
    best = (0, 0)
    for start in range(len(valid)):
        for end in range(start + 1, len(valid) + 1):
            if all(valid[start:end]) and end - start > best[1] - best[0]:
                best = (start, end)
    return best


def test_agrees_with_trying_all():
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.9):
        for _ in range(20):
            valid = rng.random(15) < share
            assert longest_run(valid) == slow(valid)


@pytest.mark.parametrize(
    ("valid", "expected"), [([], (0, 0)), ([False] * 3, (0, 0)), ([True] * 3, (0, 3))]
)
def test_ends(valid, expected):
    assert longest_run(valid) == expected
