import math

import pytest

from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.calibration_tables import (
    calibration_notes,
    calibration_table,
    verdict_figures,
    verdict_table,
)
from macbdf_mm.structures.labels import TRACKS

PLATT = {"method": "platt", "num_real": 40, "num_fake": 60, "slope": 2.0, "bias": 0.0}
NONE = {"method": "none", "num_real": 3, "num_fake": 60}
# Label, calibrated score, raw score.
CLIPS = [(0, 0.2, 0.5), (1, 0.8, 0.5), (1, 0.8, 0.5), (0, 0.8, 0.5)]


def clips():
    return ScoredClips.of(
        [
            VideoScores(
                str(k),
                {"overall": score, "video": score, "audio": math.nan},
                dict.fromkeys(TRACKS, label),
                raw_scores={"overall": raw, "video": raw, "audio": math.nan},
            )
            for k, (label, score, raw) in enumerate(CLIPS)
        ]
    )


def test_figures_before_and_after_are_those_of_raw_and_calibrated_scores():
    maps = {"overall": PLATT, "video": NONE, "audio": PLATT}
    table = calibration_table(clips(), ScoreCalibration(maps))
    assert table.headers == (
        "score", "map", "validation clips",
        "calibration error before", "calibration error after",
        "log-loss before", "log-loss after", "Brier score before", "Brier score after",
    )  # fmt: skip
    # The video is not calibrated, of the audio nothing was scored.
    [row] = table.rows
    assert row[:3] == ("overall", "platt", "40 real, 60 fake")
    # After: bins 0.2 (no fake) and 0.8 (2 of 3): (0.2 + 3 * |0.8 - 2 / 3|) / 4.
    assert row[3:5] == ("0.000", f"{(0.2 + 3 * (0.8 - 2 / 3)) / 4:.3f}")
    after = (-3 * math.log(0.8) - math.log(0.2)) / 4
    assert row[5:7] == (f"{math.log(2):.3f}", f"{after:.3f}")
    assert row[7:] == ("0.250", f"{(3 * 0.04 + 0.64) / 4:.3f}")


def test_nothing_calibrated_is_no_table():
    assert calibration_table(clips(), ScoreCalibration.none()) is None


def test_verdicts_without_a_band_are_real_or_fake():
    found = clips()
    labels, scores = found.labels["overall"], found.scores["overall"]
    rows = verdict_table(labels, scores, ScoreCalibration.none(), 0.5).rows
    assert rows == [
        ("all", "4", "25%", "0%", "75%", "25%"),
        ("real", "2", "50%", "0%", "50%", "50%"),
        ("fake", "2", "0%", "0%", "100%", "0%"),
    ]
    unsure = ScoreCalibration(
        dict.fromkeys(TRACKS, PLATT), UncertainBand(0.0, 1.0, 0.1, 0.95, math.nan, 0, 0, 100)
    )
    assert verdict_table(labels, scores, unsure, 0.5).rows[0][2:] == ("0%", "100%", "0%", "-")
    found = verdict_figures(labels, scores, unsure, 0.5)
    assert found == pytest.approx(
        {"uncertain_share": 1, "wrong_of_decided": math.nan, "error_bound": math.nan}, nan_ok=True
    )


def test_verdicts_with_a_band_as_numbers():
    found = clips()
    labels, scores = found.labels["overall"], found.scores["overall"]
    # 0.2 is undecided; of the three others, all called fake, one is real.
    band = UncertainBand(0.1, 0.5, 0.1, 0.95, 0.08, 80, 3, 100)
    calibration = ScoreCalibration(dict.fromkeys(TRACKS, PLATT), band)
    assert verdict_figures(labels, scores, calibration, 0.3) == pytest.approx(
        {"uncertain_share": 1 / 4, "wrong_of_decided": 1 / 3, "error_bound": 0.08}
    )


@pytest.mark.parametrize(
    ("errors", "decided", "words"),
    [(3, 80, "3 of 80 verdicts outside were wrong"), (1, 1, "1 of 1 verdict outside was wrong")],
)
def test_the_band_and_its_bound_are_said(errors, decided, words):
    band = UncertainBand(0.25, 0.75, 0.1, 0.95, 0.0876, decided, errors, 100)
    notes = calibration_notes(ScoreCalibration(dict.fromkeys(TRACKS, PLATT), band))
    assert notes[0] == "The scores were calibrated on validation data."
    assert notes[1] == (
        f"Overall scores from 0.250 to 0.750 are uncertain: on validation data, {words}, which "
        "bounds their share to 8.8% (confidence 95%)."
    )


def test_what_is_not_calibrated_is_said():
    [note] = calibration_notes(ScoreCalibration.none())
    assert note == "The scores were not calibrated, so they need not be probabilities."
    some = calibration_notes(ScoreCalibration({"overall": PLATT, "video": NONE, "audio": NONE}))
    assert some == [
        "The scores were calibrated on validation data, but not those of video and audio.",
        "No score is uncertain: validation data assure the bound for no band.",
    ]
