import pytest

from studies.result_tables import (
    AUC_MEASURES,
    difference_table,
    figure_by_seed,
    known_measures,
    measure_table,
)

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
