import json
from collections import Counter

import numpy as np
import pytest

from macbdf_mm.apis.describe_prediction import describe, outcome_of, summarise
from macbdf_mm.apis.predict_video import predict_video
from macbdf_mm.apis.prediction import failed_prediction
from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores

NAN = float("nan")
THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}
UNKNOWN = (-1, -1, -1)


PLATT = {"method": "platt", "num_real": 50, "num_fake": 50, "slope": 1.0, "bias": -2.77}
CALIBRATION = ScoreCalibration(
    dict.fromkeys(THRESHOLDS, PLATT),
    UncertainBand(0.3, 0.7, 0.1, 0.95, 0.08, 80, 3, 100),
)
REAL_WINDOWS = dict.fromkeys(THRESHOLDS, RealWindows.unfitted())


def _video(*scores, unusable=None):
    windows = [
        WindowScores(
            "a.mp4", (float(i), i + 1.0), triple, UNKNOWN, unusable=(unusable or {}).get(i, {})
        )
        for i, triple in enumerate(scores)
    ]
    return gather_videos(windows, real_windows=REAL_WINDOWS)[0]


def test_scores_windows_and_verdict():
    video = _video((0.2, 0.1, 0.3), (0.9, 0.2, 0.7))
    record = predict_video(video, THRESHOLDS, ["careful"]).to_json()
    assert record["file"] == "a.mp4"
    assert record["status"] == "ok"
    assert record["error"] is None
    expected = {"overall": 0.82, "video": 0.15, "audio": 0.58}
    assert record["scores"] == pytest.approx(expected, abs=0.01)
    assert record["windows"] == [[0.0, 1.0, 0.2, 0.1, 0.3], [1.0, 2.0, 0.9, 0.2, 0.7]]
    assert record["verdict"] == "fake"
    assert record["warnings"] == ["careful"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_steps_of_each_window_are_kept_and_empty_without_a_frame_level_head():
    steps = StepScores(np.array([0.25, NAN]), np.array([-1, -1]))
    window = WindowScores(
        "a.mp4", (0.0, 1.0), (0.2, 0.1, 0.3), UNKNOWN, steps={"video": steps, "audio": steps}
    )
    record = predict_video(gather_videos([window])[0], THRESHOLDS, []).to_json()
    assert record["steps"] == {"video": [[0.25, None]], "audio": [[0.25, None]]}
    assert predict_video(_video((0.2, 0.1, 0.3)), THRESHOLDS, []).to_json()["steps"] == {}


def test_the_verdict_follows_the_threshold():
    assert predict_video(_video((0.501, 0, 0)), THRESHOLDS, []).verdict == "fake"
    assert predict_video(_video((0.499, 0, 0)), THRESHOLDS, []).verdict == "real"


def test_a_missing_track_is_null_and_warned_of():
    record = predict_video(_video((0.2, 0.1, NAN)), THRESHOLDS, []).to_json()
    assert record["scores"]["audio"] is None
    assert record["windows"] == [[0.0, 1.0, 0.2, 0.1, None]]
    assert record["warnings"] == ["no audio could be decoded, so the other track alone is scored"]


def test_a_track_that_ends_early_is_warned_of():
    prediction = predict_video(_video((0.2, 0.1, 0.3), (0.2, 0.1, NAN)), THRESHOLDS, [])
    assert prediction.scores["audio"] == pytest.approx(0.3)
    assert prediction.warnings == ["no audio in 1 of 2 windows"]


def test_what_lies_between_windows_is_unseen():
    windows = [
        WindowScores("a.mp4", span, (0.2, 0.1, 0.3), UNKNOWN)
        for span in ((0.0, 1.0), (1.001, 2.0), (3.0, 4.0))
    ]
    prediction = predict_video(gather_videos(windows)[0], THRESHOLDS, [], missing_share=0.5)
    assert prediction.unseen_share == pytest.approx(0.5 + 0.5 * 0.25)
    assert prediction.warnings == [
        "1.0 of 4.0 s lie between the windows and were not looked at: their stride is longer than "
        "they are"
    ]


def test_a_file_without_any_score_is_an_error():
    with pytest.raises(UndecodableMediaError, match=r"a\.mp4: neither a frame nor a sound"):
        predict_video(_video((NAN, NAN, NAN)), THRESHOLDS, [])


def test_the_line_names_tracks_scores_thresholds_places_and_warnings():
    video = _video((0.2, 0.1, NAN), (0.9999, 0.2, NAN))
    line = describe(predict_video(video, THRESHOLDS, ["careful"], 0.0, REAL_WINDOWS).to_json())
    assert line == (
        "a.mp4: FAKE; overall 1.00 (threshold 0.50, stands out at 1.0-2.0 s); "
        "video 0.15 (threshold 0.40); audio not seen; warning: careful; "
        "warning: no audio could be decoded, so the other track alone is scored"
    )


def test_parts_of_a_file_that_is_not_fake_as_a_whole():
    """Of 40 windows two stand out; by a strict threshold the whole file does not."""
    scores = [(0.3, 0.3, 0.3)] * 40
    scores[10] = scores[11] = (0.9998, 0.3, 0.9998)
    strict = {"overall": 0.999, "video": 0.4, "audio": 0.6}
    prediction = predict_video(_video(*scores), strict, [], 0.0, REAL_WINDOWS)
    assert prediction.verdict == "parts flagged"
    assert prediction.flagged == {"overall": [(10.0, 12.0)], "video": [], "audio": [(10.0, 12.0)]}
    assert prediction.false_alarm_bound == 0.05
    line = describe(prediction.to_json())
    assert line.startswith(
        "a.mp4: PARTS FLAGGED (in 5% of real files at most), as a whole below the threshold; "
        "overall 0.99 (threshold 1.00, stands out at 10.0-12.0 s)"
    ) or line.startswith("a.mp4: PARTS FLAGGED")
    assert (
        summarise(Counter(map(outcome_of, [prediction.to_json()])), [])
        == "1 file: 1 with parts flagged."
    )
    # Nothing is flagged where real windows are not known, nor in what is real.
    assert predict_video(_video(*scores), strict, []).verdict == "real"
    assert predict_video(
        _video(*[(0.3, 0.3, 0.3)] * 40), strict, [], 0.0, REAL_WINDOWS
    ).flagged == {
        "overall": [],
        "video": [],
        "audio": [],
    }


def test_of_several_faces_the_bound_on_false_alarms_is_shared():
    scores = [(0.3, 0.3, 0.3)] * 40
    scores[10] = scores[11] = (0.9998, 0.3, 0.9998)

    def flagged(num_faces):
        video = _video(*scores)
        return predict_video(video, THRESHOLDS, [], 0.0, REAL_WINDOWS, num_faces=num_faces).flagged[
            "overall"
        ]

    assert flagged(1) == [(10.0, 12.0)]
    assert flagged(10**6) == []


def test_a_real_file_of_which_a_track_alone_would_be_fake_says_so():
    prediction = predict_video(_video((0.4, 0.9, 0.3)), THRESHOLDS, [], 0.0, REAL_WINDOWS)
    assert prediction.verdict == "real"
    assert "the video by itself would count as fake, the file as a whole does not" in (
        prediction.warnings
    )


def test_what_was_left_out_is_counted_and_placed():
    left_out = {0: {"video": "blank", "audio": "silent"}, 2: {"audio": "silent"}}
    video = _video((NAN, NAN, NAN), (0.2, 0.1, 0.3), (0.2, 0.1, NAN), unusable=left_out)
    prediction = predict_video(video, THRESHOLDS, [])
    assert prediction.unusable == {
        "video": dict(num_windows=1, share=1 / 3, reasons=["blank"], intervals=[(0.0, 1.0)]),
        "audio": dict(
            num_windows=2, share=2 / 3, reasons=["silent"], intervals=[(0.0, 1.0), (2.0, 3.0)]
        ),
    }
    assert prediction.warnings == []
    assert json.loads(json.dumps(prediction.to_json()))["unusable"]["video"]["intervals"] == [
        [0, 1]
    ]
    assert (
        "video left out as blank in 1 windows (33%) at 0.0-1.0 s; audio left out as silent in 2 "
        "windows (67%) at 0.0-1.0 s, 2.0-3.0 s"
    ) in describe(prediction.to_json())


def test_the_line_of_an_hour_stays_short_and_joins_what_touches():
    prediction = predict_video(_video((0.9999, 0.2, 0.3), (0.1, 0.2, 0.3)), THRESHOLDS, [])
    step = 0.64
    touching = [(step * k, step * (k + 1) + 1e-4) for k in range(0, 40)]
    apart = [(100.0 + 3 * k, 101.0 + 3 * k) for k in range(1000)]
    record = prediction.to_json() | {
        "flagged": {"overall": touching + apart, "video": [], "audio": []},
        "unusable": {
            "audio": dict(num_windows=9, share=0.1, reasons=["silent"], intervals=apart[::-1])
        },
    }
    line = describe(record)
    assert (
        "stands out at 0.0-25.6 s, 100.0-101.0 s, 103.0-104.0 s and 998 other places (1025.6 s "
        "in all)"
    ) in line
    assert "103.0-104.0 s, 106.0-107.0 s and 997 other places (1000.0 s in all)" in line
    assert len(line) < 600


def test_a_track_that_is_silent_throughout_is_not_judged_and_said_to_be():
    silent = {0: {"audio": "silent"}, 1: {"audio": "silent"}}
    video = _video((0.2, 0.1, NAN), (0.2, 0.1, NAN), unusable=silent)
    prediction = predict_video(video, THRESHOLDS, [])
    assert prediction.scores["audio"] is None
    assert prediction.warnings == [
        "the audio is not judged, for it is silent wherever it is seen, so the other track alone "
        "is scored"
    ]


def test_a_file_of_nothing_to_judge_is_not_judged():
    nothing = {0: {"video": "blank", "audio": "silent"}, 1: {"video": "frozen"}}
    video = _video((NAN, NAN, NAN), (NAN, NAN, NAN), unusable=nothing)
    prediction = predict_video(video, THRESHOLDS, ["careful"])
    assert (prediction.status, prediction.verdict) == ("not judged", None)
    assert prediction.unusable["video"]["reasons"] == ["blank", "frozen"]
    assert describe(prediction.to_json()) == (
        "a.mp4: not judged: nothing in it can be judged: it is blank, frozen, silent or "
        "incomplete throughout; warning: careful"
    )
    assert (
        summarise(Counter(map(outcome_of, [prediction.to_json()])), []) == "1 file: 1 not judged."
    )


def test_the_line_of_an_error_names_the_file_once():
    failure = failed_prediction("a.mp4", "a.mp4 is empty.", THRESHOLDS, ["careful"])
    assert describe(failure.to_json()) == "a.mp4: error: is empty; warning: careful"
    assert failure.to_json()["scores"] == {"overall": None, "video": None, "audio": None}


def test_the_last_line_counts():
    fine = predict_video(_video((0.9, 0, 0)), THRESHOLDS, []).to_json()
    failure = failed_prediction("b.mp4", "no", THRESHOLDS, []).to_json()
    assert summarise(Counter(map(outcome_of, [fine, fine, failure])), ["careful"]) == (
        "3 files: 2 fake, 1 not scored. Warning: careful."
    )
    assert summarise(Counter(map(outcome_of, [fine])), []) == "1 file: 1 fake."


@pytest.mark.parametrize(
    ("raw", "verdict", "line"),
    [
        (0.8, "real", "real; overall 0.20 (threshold 0.50)"),
        (
            0.9,
            "uncertain",
            "UNCERTAIN (overall from 0.30 to 0.70; outside, at most 8% of verdicts are "
            "wrong on data like the validation set); overall 0.36 (threshold 0.50)",
        ),
        (0.96, "uncertain", "UNCERTAIN (overall"),
        (0.99, "fake", "FAKE; overall 0.86 (threshold 0.50)"),
    ],
)
def test_calibrated_scores_have_three_verdicts(raw, verdict, line):
    (video,) = CALIBRATION.apply([_video((raw, NAN, NAN))])
    record = predict_video(video, THRESHOLDS, [], calibration=CALIBRATION).to_json()
    assert record["verdict"] == verdict
    assert describe(record).removeprefix("a.mp4: ").startswith(line)
    assert record["raw_scores"]["overall"] == pytest.approx(raw)
    assert record["windows"][0][2] == pytest.approx(record["scores"]["overall"])
    assert record["uncertain_band"]["low"] == 0.3
    assert summarise(Counter(map(outcome_of, [record])), []).startswith(f"1 file: 1 {verdict}")


def test_windows_that_stand_out_go_before_uncertain_below_the_threshold():
    window = WindowScores("a.mp4", (0.0, 1.0), (0.9, 0.999999, NAN), (-1, -1, -1))
    (video,) = CALIBRATION.apply(gather_videos([window], real_windows=REAL_WINDOWS))
    found = predict_video(video, THRESHOLDS, [], 0.0, REAL_WINDOWS, CALIBRATION)
    assert found.verdict == "parts flagged"
    assert predict_video(video, THRESHOLDS, [], calibration=CALIBRATION).verdict == "uncertain"
