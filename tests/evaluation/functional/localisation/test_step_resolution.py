import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.functional.localisation.step_resolution import (
    best_average_precision,
    oracle_steps,
)
from macbdf_mm.structures.intervals import step_labels


def draw(num_files: int = 200, seed: int = 0):
    generator = np.random.default_rng(seed)
    starts = generator.random(num_files) * 6
    rows = [[(start, start + 0.3 + generator.random())] for start in starts]
    return rows, np.full(num_files, 8.0)


@pytest.mark.parametrize("step", [0.16, 0.5])
def test_oracle_has_the_labels_of_the_data_set(step):
    rows, _ = draw(30)
    rows[0].append((7.0, 7.7))
    duration = 50 * step
    steps = oracle_steps(Segments.from_files(rows), np.full(30, duration), step)
    expected = [step_labels(1, intervals, (0.0, duration), 50) for intervals in rows]
    np.testing.assert_array_equal(steps.scores, np.concatenate(expected))
    assert steps.counts.tolist() == [50] * 30


def test_the_last_step_is_what_is_left():
    steps = oracle_steps(Segments.from_files([[(0.9, 1.1)], []]), [1.1, 0.0], 0.5)
    np.testing.assert_allclose(steps.ends, [0.5, 1.0, 1.1])
    assert steps.scores.tolist() == [0, 0, 1]
    # A little above 3 steps is 3.
    assert oracle_steps(Segments.from_files([[]]), [3 * 0.1], 0.1).counts.tolist() == [3]


def test_finer_steps_allow_more():
    rows, durations = draw()
    truths = Segments.from_files(rows)
    values = [best_average_precision(truths, durations, step, [0.5, 0.75, 0.95])
              for step in (0.32, 0.16, 0.04, 0.001)]  # fmt: skip
    assert (np.diff(values, axis=0) >= 0).all()
    assert values[0][0] > 0.95
    assert values[0][2] < values[1][2] < 0.3
    assert values[-1].tolist() == [1, 1, 1]


def test_forgeries_on_the_grid_are_found_exactly():
    truths = Segments.from_files([[(0.32, 0.96)], [(0.16, 0.48), (1.6, 3.2)]])
    assert best_average_precision(truths, [4.0, 4.0], 0.16, [0.95]).tolist() == [1.0]
    public = best_average_precision(truths, [4.0, 4.0], 0.16, [0.95], "avdeepfake1m")
    assert public == pytest.approx([2 / 3])


def test_what_is_refused():
    truths = Segments.from_files([[(0, 1)]])
    with pytest.raises(ValueError, match=r"`duration_seconds` >= 0 of the 1 files, got shape \(2"):
        best_average_precision(truths, [1.0, 2.0], 0.5, [0.5])
    with pytest.raises(ValueError, match="`step_seconds` > 0, got 0"):
        best_average_precision(truths, [1.0], 0, [0.5])
