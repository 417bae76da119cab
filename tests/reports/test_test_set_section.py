import json
from dataclasses import replace

import pytest

from macbdf_mm.evaluation.condition_deltas import ConditionDelta
from macbdf_mm.evaluation.conditions import CORRUPTIONS, MASKED
from macbdf_mm.evaluation.functional.comparison import Difference
from macbdf_mm.reports.test_set_section import TestSetSection


def deltas(*conditions):
    differences = {
        "auc": Difference(0.6, 0.9, -0.3, -0.4, -0.2, 0.01),
        "balanced_acc": Difference(0.7, 0.8, -0.1, -0.2, float("nan"), 0.3),
    }
    return [ConditionDelta(each, "overall", differences, 7, "8, by clip") for each in conditions]


BLUR = CORRUPTIONS["blur"].condition(2)


@pytest.fixture
def section(evaluation_facts, test_set):
    return TestSetSection(evaluation_facts, replace(test_set, deltas=deltas(MASKED[0], BLUR)))


def test_changes_and_corruptions_have_tables_of_their_own(section):
    assert [row[0] for row in section.changes.rows] == ["audio masked"]
    assert [row[0] for row in section.robustness.rows] == ["blur (0.5, 1, 2, 3, 4 pixels)"]
    assert section.notes[-2:] == [
        "Differences: the same clips changed and as they are, by a paired bootstrap of clusters "
        "of clips (8, by clip); labels and thresholds stay.",
        "1 corruption, overall score: mean corruption error (1 - balanced ACC) 0.300, without "
        "corruption 0.200; mean AUC drop +0.300.",
    ]


def test_without_changes_nothing_is_said_of_them(evaluation_facts, test_set):
    section = TestSetSection(evaluation_facts, test_set)
    assert (section.changes, section.robustness, section.summary) == (None, None, None)
    assert section.notes == list(section.tables.notes)


def test_the_pictures_are_those_of_the_scores_and_of_the_corruptions(section, monkeypatch):
    monkeypatch.setattr("macbdf_mm.reports.page.to_png", lambda figure: b"")
    assert list(section.pictures()) == ["reliability", "risk_coverage", "robustness"]


def test_the_json_has_numbers_and_digests(evaluation_facts, test_set):
    origin = {
        "weights_sha256": "w", "config_sha256": "c", "split_sha256": "s",
        "annotations": {"a.json": "d"}, "command": "not a digest",
    }  # fmt: skip
    result = replace(
        test_set, scores=replace(test_set.scores, origin=origin), deltas=deltas(MASKED[0], BLUR)
    )
    section = TestSetSection(evaluation_facts, result)
    found = json.loads(json.dumps(section.to_json(), allow_nan=False))
    assert found["digests"] == {
        "weights": "w", "config": "c", "split": "s", "annotation a.json": "d",
    }  # fmt: skip
    assert found["thresholds"] == {"overall": 0.5, "video": 0.45, "audio": 0.55}
    assert section.thresholds == "overall 0.500, video 0.450, audio 0.550"
    # Two of four fakes above the wrong real clip, and four above the others: 10 of 12 pairs.
    assert found["figures"]["overall/auc"] == pytest.approx(10 / 12)
    assert found["figures"]["always_fake/acc"] == pytest.approx(4 / 7)
    assert found["reliability"]["video"]["error"] == found["figures"]["video/ece"]
    masked, blurred = found["changes"]
    assert (masked["condition"], masked["corruption"], masked["level"]) == (
        "audio_masked", None, None,
    )  # fmt: skip
    assert (blurred["corruption"], blurred["level"]) == ("blur", 2)
    assert masked["auc"]["difference"] == -0.3
    assert masked["balanced_acc"]["high"] is None
    assert found["robustness"]["mean_auc_drop"] == pytest.approx(0.3)


def test_a_column_that_another_test_set_has_is_said_to_be_lacking(evaluation_facts, test_set):
    facts = replace(evaluation_facts, columns=("gendre",))
    section = TestSetSection(facts, test_set)
    assert "No clip of this test set has a column gendre." in section.notes
    assert "By gendre (overall score)" not in section.tables.tables
