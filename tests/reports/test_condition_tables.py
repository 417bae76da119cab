import math

import pytest

from macbdf_mm.evaluation.condition_deltas import ConditionDelta
from macbdf_mm.evaluation.conditions import CORRUPTIONS, MASKED
from macbdf_mm.evaluation.functional.comparison import Difference
from macbdf_mm.reports.condition_tables import delta_table, robustness_table, severity_curves


def delta(condition, track, changed, as_is=0.9, p_value=0.02, balanced=0.7):
    return ConditionDelta(
        condition,
        track,
        {
            "auc": Difference(changed, as_is, changed - as_is, -0.3, -0.1, p_value),
            "balanced_acc": Difference(balanced, 0.8, balanced - 0.8, math.nan, math.nan, 0.5),
        },
        40,
        "10, by identity",
    )


BLUR = [CORRUPTIONS["blur"].condition(level) for level in (1, 5)]


def test_a_change_stands_beside_the_clips_as_they_are():
    found = delta_table(
        [delta(MASKED[0], "overall", 0.6), delta(MASKED[1], "audio", 0.9, p_value=1e-20)]
    )
    assert found.headers[:7] == (
        "change", "score", "clips", "AUC as is", "AUC changed", "difference", "95 % interval",
    )  # fmt: skip
    first, second = found.rows
    assert first == (
        "audio masked", "overall", "40", "0.900", "0.600", "-0.300", "-0.300 to -0.100", "0.020",
        "-0.100", "-",
    )  # fmt: skip
    assert second[5:8] == ("+0.000", "-0.300 to -0.100", "< 1e-16")
    two = [delta(MASKED[0], "overall", 0.6), delta(MASKED[0], "video", 0.6, p_value=0.004)]
    # Holm: the smaller p counts twice, the other once.
    assert [row[7] for row in delta_table(two).rows] == ["0.020", "0.008"]


def test_a_corruption_is_a_row_with_its_levels():
    deltas = [
        delta(BLUR[0], "overall", 0.8, balanced=0.75),
        delta(BLUR[1], "overall", 0.6, balanced=0.65),
        delta(BLUR[0], "video", 0.1),
    ]
    [row] = robustness_table(deltas).rows
    assert row == (
        "blur (0.5, 1, 2, 3, 4 pixels)", "0.800", "", "", "", "0.600",
        # 0.9 - (0.8 + 0.6) / 2, and 1 - (0.75 + 0.65) / 2.
        "+0.200", "0.300",
    )  # fmt: skip
    assert robustness_table([delta(BLUR[0], "video", 0.1)]).rows == []


def test_curves_begin_with_the_clips_as_they_are():
    deltas = [delta(BLUR[0], "overall", 0.8), delta(BLUR[1], "overall", 0.6)]
    [curve] = severity_curves([*deltas, delta(BLUR[1], "audio", 0.2)])
    assert curve.title == "blur"
    assert curve.auc == {"overall": {0: 0.9, 1: 0.8, 5: 0.6}}, "blur changes no sound"
    [curve] = severity_curves([*deltas, delta(BLUR[1], "video", 0.3, as_is=0.7)])
    assert curve.auc["video"] == {0: 0.7, 5: pytest.approx(0.3)}
    assert severity_curves([delta(MASKED[0], "overall", 0.6)]) == []
