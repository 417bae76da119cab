import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation import timeline
from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.functional.localisation.timeline import merge_steps


def overlapping_steps():
    """Steps of three files: windows half a window apart, the last one half a step off the grid."""
    rng = np.random.default_rng(0)
    files = []
    for starts in ([0.0, 0.64, 1.28, 1.36], [], [0.0, 0.64, 5.0]):
        rows = [[s + 0.16 * k, s + 0.16 * (k + 1), rng.random()] for s in starts for k in range(8)]
        files.append([row for row in rows if rng.random() > 0.2])
    return Segments.from_files(files)


def scores_at(steps, file, second):
    rows = zip(steps.files, steps.starts, steps.ends, steps.scores, strict=True)
    return [score for own, start, end, score in rows if own == file and start < second < end]


@pytest.mark.parametrize(("how", "reference"), [("mean", np.mean), ("max", np.max)])
def test_each_point_in_time_has_the_score_of_all_steps_over_it(how, reference):
    steps = overlapping_steps()
    merged = merge_steps(steps, how)
    assert merged.num_files == 3
    seen = 0
    for file in range(3):
        for second in np.arange(0.01, 7.0, 0.04):
            expected = scores_at(steps, file, second)
            found = scores_at(merged, file, second)
            assert len(found) == bool(expected)
            if expected:
                assert found[0] == pytest.approx(reference(expected), rel=1e-12)
                seen += 1
    assert seen > 100


def test_large_sets_are_merged_in_parts_without_a_trace(monkeypatch):
    steps = overlapping_steps()
    whole = merge_steps(steps)
    for number in (1, 5, 20, steps.files.size):
        monkeypatch.setattr(timeline, "_STEPS_AT_ONCE", number)
        for name, values in vars(merge_steps(steps)).items():
            np.testing.assert_array_equal(values, getattr(whole, name))


def test_steps_come_in_order_and_do_not_overlap():
    merged = merge_steps(overlapping_steps())
    same_file = np.diff(merged.files) == 0
    assert (np.diff(merged.files) >= 0).all()
    assert (merged.starts[1:][same_file] >= merged.ends[:-1][same_file]).all()
    lengths = np.unique((merged.ends - merged.starts).round(3))
    assert lengths.tolist() == [0.08, 0.16]


def test_the_order_of_steps_does_not_count():
    steps = overlapping_steps()
    order = np.lexsort((np.random.default_rng(1).random(steps.files.size), steps.files))
    one, other = merge_steps(steps), merge_steps(steps.take(order))
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12)
    np.testing.assert_array_equal(one.files, other.files)


def test_rounding_makes_no_step():
    steps = Segments.from_files([[[0.0, 0.3, 0.2], [0.1 + 0.2, 0.6, 0.4], [0.3, 0.6, 0.6]]])
    merged = merge_steps(steps)
    assert merged.to_rows()[0] == pytest.approx(np.array([[0.0, 0.3, 0.2], [0.3, 0.6, 0.5]]))


def test_no_steps_at_all():
    assert merge_steps(Segments.from_files([[], []])).num_files == 2


def test_another_way_is_refused():
    with pytest.raises(ValueError, match="Expected `how` 'mean' or 'max', got 'median'"):
        merge_steps(overlapping_steps(), "median")
