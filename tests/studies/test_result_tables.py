import math

import numpy as np
import pytest

from studies.result_tables import (
    AUC_MEASURES,
    difference,
    difference_table,
    epoch_values,
    figure_by_seed,
    interval,
    known_measures,
    measure_table,
    spread,
)


def test_text_has_the_deviation_and_signs_where_wanted():
    assert spread([0.8, 0.9]) == "0.850 ± 0.071"
    assert spread([-0.1, 0.2], "+") == "+0.050 ± 0.212"
    assert spread([0.5, None]) == "0.500"
    assert spread([]) == "-"


def test_a_difference_has_its_interval_over_seeds():
    # By hand: mean 0.02, deviation 0.01, 4.303 * 0.01 / sqrt(3) = 0.0248.
    assert difference([0.01, 0.02, 0.03]) == "+0.020 [-0.005, +0.045]"
    assert difference([-0.01]) == "-0.010"
    assert difference([]) == "-"
    assert interval(math.nan, math.nan) == "-"


def record(epoch, **test):
    return {"epoch": epoch, "test": test}


def test_one_row_a_seed_and_one_column_an_epoch(make_result):
    results = {
        "full": {
            1: make_result([record(1, auc=0.6), record(2, auc=0.8), {"epoch": 3}]),
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
        "| full model | 2 | 0.850 ± 0.071 | 0.700 |",
        "| bare | 1 | 0.700 | 0.600 |",
    ]


def test_differences_are_to_the_reference_of_the_same_seed(results):
    table = difference_table(results, TITLES, "full", MEASURES)
    head, _, row = table.splitlines()
    assert head == (
        "| minus full model | pairs | AUC | AUC: over clips | AUC: seeds to see 0.01, 0.02 | ACC |"
    )
    assert row == "| bare | 1 | -0.100 | - | -, - | -0.100 |"


def test_clip_spread_and_seeds_needed_stand_beside_the_first_measure(make_result):
    results = {
        name: {seed: make_result(overall__auc=value) for seed, value in enumerate(values)}
        for name, values in {"full": [0.8, 0.8, 0.8], "bare": [0.81, 0.82, 0.83]}.items()
    }
    table = difference_table(results, TITLES, "full", MEASURES, {"bare": (0.0, 0.041)})
    # Deviation 0.01: for 0.01 a paired t-test needs 10 seeds, for 0.02 it needs 5.
    assert table.splitlines()[2] == (
        "| bare | 3 | +0.020 [-0.005, +0.045] | [+0.000, +0.041] | 10, 5 | - |"
    )


def test_a_remark_stands_in_place_of_the_figures(results):
    remarks = {"bare": "collapsed"}
    assert measure_table(results, TITLES, MEASURES, remarks).splitlines()[3] == (
        "| bare | 1 | collapsed |  |"
    )
    for remarks in ({"bare": "collapsed"}, {"full": "collapsed"}):
        table = difference_table(results, TITLES, "full", MEASURES, remarks=remarks)
        assert table.splitlines()[2] == "| bare | 1 | collapsed |  |  |  |"


def test_a_measure_that_no_run_has_is_not_a_column(results):
    assert known_measures(results, AUC_MEASURES) == {"overall AUC": "overall/auc"}
    assert known_measures({}, AUC_MEASURES) == {}


def test_figures_are_found_by_seed(results):
    assert figure_by_seed(results, "full", "overall/acc") == {0: 0.7, 1: None}
    assert figure_by_seed(results, "missing", "overall/acc") == {}
