import math

import pytest

from macbdf_mm.evaluation.localisation import MEASURED, LocalisedTrack
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.reports.localisation_tables import (
    localisation_figures,
    localisation_note,
    localisation_table,
    localisation_title,
)
from macbdf_mm.structures.labels import TRACKS

AP = {"ap@0.5": 0.8, "ap@0.75": 0.6, "ap@0.9": 0.3, "ap@0.95": 0.1}
AR = {f"ar@{number}": number / 1000 for number in MEASURED.ar_counts}


def track(**changes):
    exact = AP | AR | {"challenge_score": 0.25, "ap@0.5_low": 0.7, "ap@0.5_high": 0.9}
    published = {name: value / 2 for name, value in (AP | AR).items()} | {"challenge_score": 0.125}
    values = dict(
        figures={"exact": exact, "avdeepfake1m": published},
        best={"exact": dict.fromkeys(AP, 0.95), "avdeepfake1m": dict.fromkeys(AP, math.nan)},
        step_seconds=0.16,
        num_forgeries=12,
        num_whole=5,
        num_videos=20,
        num_labelled=21,
        num_partly_seen=0,
    )
    return LocalisedTrack(**(values | changes))


FOUND = {"overall": track(), "video": track(num_partly_seen=1)}


def test_a_row_a_figure_beside_what_the_steps_allow():
    table = localisation_table(FOUND, "exact")
    assert table.headers == ("convention: exact", "overall", "video")
    cells = {row[0]: row[1] for row in table.rows}
    assert cells["AP@0.5"] == "0.800 (0.700 to 0.900)"
    assert cells["AP@0.95"] == "0.100"
    assert [cells[f"AR@{n}"] for n in (100, 50, 30, 20, 10, 5)] == [
        "0.100", "0.050", "0.030", "0.020", "0.010", "0.005",
    ]  # fmt: skip
    assert cells["AP@0.9 if all steps were right"] == "0.950"
    assert cells["length of the steps (s)"] == "0.16"
    assert (cells["forgeries"], cells["of the whole clip"]) == ("12", "5")
    assert cells["scored of annotated"] == "20 of 21"
    assert "AV-Deepfake1M++ score" not in cells, "the challenge has its own convention"


def test_the_challenge_s_convention_has_its_score():
    cells = {row[0]: row[1] for row in localisation_table(FOUND, "avdeepfake1m").rows}
    assert cells["AP@0.5"] == "0.400"
    assert cells["AV-Deepfake1M++ score"] == "0.125"
    assert cells["AP@0.5 if all steps were right"] == "-"
    title = localisation_title("avdeepfake1m")
    assert title == "Localisation in time, convention avdeepfake1m (as published tables)"


def test_all_figures_as_numbers():
    figures = localisation_figures(FOUND)
    assert figures["overall/exact/ap@0.5"] == 0.8
    assert figures["overall/exact/ap@0.5_high"] == 0.9
    assert figures["video/avdeepfake1m/challenge_score"] == 0.125
    assert figures["video/exact/ap@0.95_of_right_steps"] == 0.95


@pytest.mark.parametrize(
    ("located", "said"),
    [
        ({}, "there are no scores of time steps."),
        ({"video": track(num_labelled=0)}, "the score file does not say where clips are forged."),
        ({"video": track(num_forgeries=0)}, "no forgery is annotated."),
        ({"audio": track()}, "The settings of the proposals were not all fitted on validation"),
        ({"video": track(num_partly_seen=1)}, "In 1 of 20 clips the video was not seen in some"),
        (
            {"video": track(num_partly_seen=1, num_videos=1)},
            "In 1 of 1 clip the video was not seen in some windows",
        ),
    ],
)
def test_what_the_tables_rest_on(located, said):
    scores = ScoreSet([], dict.fromkeys(TRACKS, 0.5))
    assert said in localisation_note(scores, located)
