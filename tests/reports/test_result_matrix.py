from dataclasses import replace

import pytest

from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.reports.result_matrix import detail_table, matrix_row, matrix_table, place_of


@pytest.mark.parametrize(
    ("trained_on", "kind"), [("tiny", "intra"), ("other", "cross"), (None, "unknown")]
)
def test_a_test_set_is_intra_if_it_is_of_the_training_data(
    evaluation_facts, test_set, trained_on, kind
):
    row = matrix_row(replace(evaluation_facts, trained_on=trained_on), test_set)
    assert row["kind"] == kind
    assert row["trained_on"] == (trained_on or "unknown")


def test_figures_of_a_row_are_counted_by_hand(evaluation_facts, test_set):
    row = matrix_row(evaluation_facts, test_set)
    assert place_of(row) == ("tiny", "small, best", "tiny test")
    assert (row["num_clips"], row["coverage"]) == (8, 7 / 8)
    # Of the seven with a score, 0.8 of a real clip is wrong: above it are two of four fakes.
    assert row["acc"] == pytest.approx(6 / 7)
    assert row["balanced_acc"] == pytest.approx((2 / 3 + 1) / 2)
    assert row["always_fake_acc"] == pytest.approx(4 / 7)
    assert row["auc"] == pytest.approx((4 * 2 + 2) / 12)
    assert row["auc_low"] <= row["auc"] <= row["auc_high"]
    assert row["intervals_over"] == "8 by clip"


def test_the_policy_for_lost_clips_moves_figures_but_not_coverage(evaluation_facts, test_set):
    found = {
        policy: matrix_row(replace(evaluation_facts, missing=policy), test_set)
        for policy in ("as-real", "as-fake")
    }
    # The lost one is fake.
    assert found["as-real"]["acc"] == pytest.approx(6 / 8)
    assert found["as-fake"]["acc"] == pytest.approx(7 / 8)
    assert {row["coverage"] for row in found.values()} == {7 / 8}


def test_nothing_measured_is_null_and_a_dash(evaluation_facts, test_set):
    empty = replace(test_set, scores=ScoreSet([], test_set.scores.thresholds))
    row = matrix_row(evaluation_facts, empty)
    assert (row["auc"], row["auc_low"], row["coverage"]) == (None, None, 0.0)
    assert detail_table([row]).rows[0][3:] == ("0", "0.0%", "-", "-", "-", "-", "0 by clip")


def test_rows_are_training_data_and_columns_test_sets(evaluation_facts, test_set):
    own = matrix_row(evaluation_facts, test_set)
    cross = own | {"test_set": "far test", "kind": "cross", "acc": 0.5, "auc": 0.25}
    # Of an evaluation before intervals said what they are over.
    other = {**own, "trained_on": "far", "detector": "big, last", "acc": 0.75, "auc": None}
    del other["intervals_over"]
    table = matrix_table([other, own, cross])
    assert table.headers == (
        "trained on", "detector", "tiny test: ACC / AUC", "far test: ACC / AUC",
    )  # fmt: skip
    assert table.rows == [
        ("far", "big, last", "0.750 / -", ""),
        ("tiny", "small, best", "0.857 / 0.833", "0.500 / 0.250"),
    ]
    details = detail_table([other, own])
    assert details.headers[-2:] == ("AUC (95 % interval)", "clusters resampled")
    assert details.rows[0][-1] == ""
    assert details.rows[1][-2] == f"0.833 ({own['auc_low']:.3f} to {own['auc_high']:.3f})"
    assert details.rows[1][:5] == ("tiny", "small, best", "tiny test (intra)", "8", "87.5%")
