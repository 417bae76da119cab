import math

import numpy as np
import pytest

from studies.result_tables import (
    AUC_MEASURES,
    difference_table,
    epoch_values,
    figure_by_seed,
    known,
    known_measures,
    mean_and_std,
    measure_table,
    paired_differences,
    spread,
)


def test_mean_and_deviation_agree_with_numpy():
    values = [0.81, 0.79, 0.86, 0.90]
    assert mean_and_std(values) == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_what_is_not_known_does_not_count():
    assert known([0.5, None, math.nan, 0.7]) == [0.5, 0.7]
    assert mean_and_std([0.5, None, math.nan, 0.7])[0] == pytest.approx(0.6)


def test_one_value_has_no_deviation_and_none_no_mean():
    assert math.isnan(mean_and_std([0.5])[1])
    assert math.isnan(mean_and_std([])[0])
    assert spread([0.5]) == "0.500"
    assert spread([]) == "-"


def test_differences_are_paired_by_seed():
    # By hand: 0.80-0.85 = -0.05, 0.70-0.72 = -0.02, 0.90-0.86 = +0.04; seed 3 has no partner.
    values = {0: 0.80, 1: 0.70, 2: 0.90, 3: 0.10}
    reference = {2: 0.86, 0: 0.85, 1: 0.72, 4: 0.99}
    assert paired_differences(values, reference) == pytest.approx([-0.05, -0.02, 0.04])


def test_pairs_without_a_value_are_left_out():
    assert paired_differences({0: None, 1: 0.5, 2: math.nan}, {0: 0.1, 1: 0.25, 2: 0.1}) == [0.25]


def test_text_has_deviation_and_range_and_signs_where_wanted():
    assert spread([0.8, 0.9]) == "0.850 ± 0.071 (0.800 to 0.900)"
    assert spread([-0.1, 0.2], "+") == "+0.050 ± 0.212 (-0.100 to +0.200)"


def record(epoch, **test):
    return {"epoch": epoch, "test": test}


def test_one_row_a_seed_and_one_column_an_epoch(make_result):
    results = {
        "full": {
            1: make_result([record(1, auc=0.6), record(2, auc=0.8)]),
            0: make_result([record(1, auc=0.5), record(2, auc=None), record(3, auc=0.9)]),
        }
    }
    epochs, values = epoch_values(results, "full", "test", "auc")
    np.testing.assert_array_equal(epochs, [1, 2, 3])
    np.testing.assert_array_equal(values, [[0.5, np.nan, 0.9], [0.6, 0.8, np.nan]])
    assert np.isnan(epoch_values(results, "full", "test", "acc")[1]).all()


def test_a_variant_without_runs_has_no_epochs():
    epochs, values = epoch_values({}, "full", "test", "auc")
    assert epochs.shape == (0,)
    assert values.shape == (0, 0)


TITLES = {"full": "full model", "bare": "bare", "missing": "missing"}
MEASURES = {"AUC": "overall/auc", "ACC": "overall/acc"}


@pytest.fixture
def results(make_result):
    return {
        "bare": {0: make_result(overall__auc=0.7, overall__acc=0.6)},
        "full": {
            0: make_result(overall__auc=0.8, overall__acc=0.7),
            1: make_result(overall__auc=0.9, overall__acc=None),
        },
    }


def test_rows_stand_in_the_order_of_the_study(results):
    assert measure_table(results, TITLES, MEASURES).splitlines() == [
        "| variant | seeds | AUC | ACC |",
        "| --- | --- | --- | --- |",
        "| full model | 2 | 0.850 ± 0.071 (0.800 to 0.900) | 0.700 |",
        "| bare | 1 | 0.700 | 0.600 |",
    ]


def test_differences_are_to_the_reference_of_the_same_seed(results):
    assert difference_table(results, TITLES, "full", MEASURES).splitlines()[1:] == [
        "| --- | --- | --- | --- |",
        "| bare | 1 | -0.100 | -0.100 |",
    ]


def test_a_measure_that_no_run_has_is_not_a_column(results):
    assert known_measures(results, AUC_MEASURES) == {"overall AUC": "overall/auc"}
    assert known_measures({}, AUC_MEASURES) == {}


def test_figures_are_found_by_seed(results):
    assert figure_by_seed(results, "full", "overall/acc") == {0: 0.7, 1: None}
    assert figure_by_seed(results, "missing", "overall/acc") == {}
