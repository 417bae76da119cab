"""The line about one file and the line about all; tests of whole files are in their own places."""

from collections import Counter

import pytest

from macbdf_mm.apis.describe_prediction import describe, outcome_of, summarise
from macbdf_mm.apis.prediction import Prediction, failed_prediction

THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}


def record(**changes):
    values = {
        "file": "a.mp4",
        "status": "ok",
        "error": None,
        "scores": {"overall": 0.7, "video": 0.9, "audio": None},
        "windows": [],
        "steps": {},
        "thresholds": THRESHOLDS,
        "verdict": "fake",
        "warnings": [],
        "unseen_share": 0.0,
    }
    return Prediction(**values | changes).to_json()


def interval(track, start, score):
    return {"track": track, "start": start, "end": start + 1.0, "score": score}


def test_scores_stand_beside_their_thresholds():
    line = describe(record())
    scores = "overall 0.70 (threshold 0.50); video 0.90 (threshold 0.40); audio not seen"
    assert line == f"a.mp4: FAKE; {scores}"


def test_the_best_interval_of_a_track_is_named_where_something_is_fake():
    found = [interval("overall", 5, 0.99), interval("audio", 1, 0.6), interval("video", 2, 0.8)]
    line = describe(record(intervals=found))
    assert line.endswith("; most likely forged: video at 2.0-3.0 s (score 0.80)")
    assert "most likely" not in describe(record(intervals=found, verdict="real"))


def test_flagged_parts_say_where_and_how_often_by_chance():
    line = describe(
        record(verdict="parts flagged", flagged={"video": [(1.0, 2.5)]}, false_alarm_bound=0.05)
    )
    assert "PARTS FLAGGED (in 5% of real files at most), as a whole below the threshold" in line
    assert "video 0.90 (threshold 0.40, stands out at 1.0-2.5 s)" in line


def test_an_uncertain_verdict_says_its_band():
    band = {"low": 0.4, "high": 0.8, "error_bound": 0.1, "confidence": 0.95}
    line = describe(record(verdict="uncertain", uncertain_band=band))
    assert "UNCERTAIN (overall from 0.40 to 0.80; outside, at most 10% of verdicts" in line


def test_what_was_left_out_and_warnings_follow():
    left_out = {"num_windows": 2, "share": 0.5, "reasons": ["blank", "frozen"]}
    line = describe(
        record(
            unusable={"video": left_out | {"intervals": [(0.0, 1.0), (3.0, 4.0)]}},
            warnings=["careful"],
        )
    )
    where = "video left out as blank or frozen in 2 windows (50%) at 0.0-1.0 s, 3.0-4.0 s"
    assert line.endswith(f"; {where}; warning: careful")


@pytest.mark.parametrize(
    ("error", "said"),
    [("a.mp4 is empty.", "is empty"), ("a.mp4: it ends.", "it ends"), ("No file.", "No file")],
)
def test_an_error_names_its_file_once(error, said):
    failure = failed_prediction("a.mp4", error, THRESHOLDS, []).to_json()
    assert describe(failure) == f"a.mp4: error: {said}"
    assert outcome_of(failure) == "error"


def test_one_file_is_one_line_whatever_its_name():
    line = describe(record(file="a\n\x1b[31m\udcff.mp4", warnings=["b\nc"]))
    assert line.isprintable()


def test_the_summary_counts_by_verdict():
    records = [record(), record(verdict="real"), record(), record(verdict=None, status="error")]
    counts = Counter(map(outcome_of, records))
    assert summarise(counts, ["careful"]) == (
        "4 files: 2 fake, 1 real, 1 not scored. Warning: careful."
    )
    assert summarise(Counter(), []) == "0 files."
