import pytest

from macbdf_mm.reports.verdict_words import certainty_of, verdict_of

BAND = {"low": 0.3, "high": 0.6, "error_bound": 0.05, "confidence": 0.95}


def prediction(verdict="real", score=0.2, status="ok", **fields):
    return {
        "status": status,
        "error": None,
        "verdict": verdict,
        "scores": {"overall": score, "video": 0.2, "audio": 0.2},
        "thresholds": {"overall": 0.5, "video": 0.5, "audio": 0.5},
        "unseen_share": 0.0,
        "raw_scores": {"overall": 0.7},
        "uncertain_band": None,
        "false_alarm_bound": None,
    } | fields


@pytest.mark.parametrize(
    ("fields", "headline", "words"),
    [
        ({"verdict": "fake", "score": 0.9}, "Likely forged", "0.90 reaches the threshold of 0.50"),
        ({"verdict": "parts flagged"}, "Parts look forged", "below the threshold of 0.50, but"),
        (
            {"verdict": "uncertain", "score": 0.4, "uncertain_band": BAND},
            "Uncertain",
            "0.40 lies between 0.30 and 0.60",
        ),
        ({}, "No sign of forgery found", "0.20 is below the threshold of 0.50"),
        ({"status": "error", "error": "a.mp4 is\nempty."}, "Not scored", "a.mp4 is\\nempty."),
        ({"status": "not judged", "error": "it is blank."}, "Not judged", "it is blank."),
        (
            {"scores": {"overall": 0.2, "video": 0.1, "audio": 0.6}},
            "Not forged as a whole",
            "but that of the audio reaches its threshold",
        ),
        (
            {"scores": {"overall": 0.2, "video": None, "audio": 0.2}, "unseen_share": 0.25},
            "No sign of forgery found",
            "The video was not scored. 25.0% of the file was not looked at.",
        ),
        ({"score": 0.4996}, "No sign of forgery found", "0.4996 is below the threshold of 0.5000"),
        ({"verdict": None, "score": None}, "No verdict", "There is no overall score."),
    ],
)
def test_each_verdict_has_its_words(fields, headline, words):
    verdict = verdict_of(prediction(**fields))
    assert verdict.headline == headline
    assert words in verdict.sentence


def test_kinds_differ_in_their_sign_and_not_in_colour_alone():
    verdicts = [
        verdict_of(prediction(verdict=name, uncertain_band=BAND))
        for name in ("fake", "parts flagged", "uncertain", "real", None)
    ]
    assert len({verdict.sign for verdict in verdicts}) == 5


@pytest.mark.parametrize(
    ("score", "share"),
    [(0.893, "about 89 in"), (0.992, "more than 99 in"), (0.006, "fewer than 1")],
)
def test_a_calibrated_score_is_a_share_of_files(score, share):
    assert share in " ".join(certainty_of(prediction(score=score)))


def test_without_calibration_a_score_is_no_probability():
    for raw in (None, {"overall": 0.2, "video": 0.1}):  # The second: maps for other tracks alone.
        text = " ".join(certainty_of(prediction(raw_scores=raw)))
        assert "is no probability" in text
        assert "in 100" not in text


def test_band_and_bound_are_told():
    text = " ".join(certainty_of(prediction(uncertain_band=BAND, false_alarm_bound=0.05)))
    assert "from 0.30 to 0.60 are called uncertain. Outside, at most 5% of verdicts" in text
    assert "confidence of 95%" in text
    assert "at most 5% have a place that stands out" in text
    assert "not bounded" in " ".join(certainty_of(prediction()))
    assert certainty_of(prediction(score=None)) == []


def test_a_band_of_one_point_calls_nothing_uncertain():
    text = " ".join(certainty_of(prediction(uncertain_band=BAND | {"high": 0.3})))
    assert "No score is called uncertain: at most 5% of verdicts are wrong" in text
    assert "from 0.30" not in text
