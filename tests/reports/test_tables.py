import math

import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.evaluation.measures import always_fake, measure_groups, measure_track
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.reports import tables

THRESHOLDS = {"overall": 0.5, "video": 0.45, "audio": 0.55}
TRAINED = {"video": {"mouth_swap"}, "audio": {"word_splice"}}


def test_always_fake_stands_beside_the_figures(tested_videos):
    figures = {"overall": measure_track(tested_videos, "overall", 0.5, 20)}
    figures[tables.ALWAYS_FAKE] = always_fake(tested_videos)
    table = tables.track_table(figures, {"overall": (7, 9)})
    assert table.headers == ("", "overall", '"always fake", overall')
    cells = {row[0]: row[1:] for row in table.rows}
    # Six of seven are decided rightly (one real clip scores 0.8), four of seven are fake.
    assert cells["ACC"][0].startswith(f"{6 / 7:.3f} (")
    assert cells["ACC"][1] == f"{4 / 7:.3f}"
    assert cells['ACC of "always fake"'][0] == f"{4 / 7:.3f}"
    assert cells["balanced ACC"][1] == cells["AUC"][1] == cells["EER"][1] == "0.500"
    assert (cells["real"][0], cells["fake"][0]) == ("3", "4")
    assert table.rows[-1] == ("scored of labelled", "7 of 9", "")


def test_frame_level_figures_of_the_tracks_that_have_them():
    metrics = {
        "video/frame_auc": 0.9, "video/frame_auc_low": 0.8, "video/frame_auc_high": 0.95,
        "video/frame_auc_partial": None, "video/num_partial": 0,
    }  # fmt: skip
    table = tables.step_table(metrics)
    assert table.rows == [("video", "0.900 (0.800 to 0.950)", "-", "0")]
    assert table.headers[1:] == (
        "AUC of all time steps", "AUC within partially fake clips", "such clips",
    )  # fmt: skip
    assert tables.step_table({"video/auc": 0.9}) is None


def test_categories(tested_videos):
    groups = measure_groups(tested_videos, "category", "overall", 0.5, 0)
    table = tables.group_table(groups, "category")
    assert table.headers == ("category", "scored", "called fake", "AUC against real clips", "ACC")
    # Fakes score 0.9 and 0.7, real clips 0.1, 0.2 and 0.8: one pair of six is inverted.
    assert table.rows[0][0].startswith("FVFA")
    assert table.rows[1] == (
        "FVRA (fake video, real audio)", "2 of 2", "100%", f"{5 / 6:.3f}", "1.000",
    )  # fmt: skip
    assert table.rows[2] == ("RVFA (real video, fake audio)", "1 of 1", "100%", "0.667", "1.000")
    real = ("RVRA (real video, real audio)", "3 of 3", "33%", "-", f"{2 / 3:.3f}")
    assert table.rows[3] == real


def test_operators_are_judged_by_the_track_that_they_forge(tested_videos):
    scores = {s.operator: s for s in tables.operator_scores(tested_videos, THRESHOLDS, TRAINED)}
    assert set(scores) == {"mouth_swap", "mouth_rerender", "word_splice"}
    labels = [0, 0, 0, 0, 1, 1]
    # Video scores of the clips with real video, then of the two swapped mouths.
    expected = roc_auc_score(labels, [0.1, 0.3, 0.2, 0.2, 0.8, 0.9])
    assert scores["mouth_swap"].figures["auc"] == pytest.approx(expected)
    assert scores["mouth_swap"].num_clips == 2
    assert scores["mouth_swap"].found_share == 1.0
    assert scores["word_splice"].track == "audio"
    assert [s.operator for s in scores.values() if s.is_held_out] == ["mouth_rerender"]


def test_a_real_track_of_a_fake_clip_counts_as_real():
    videos = gather_videos(
        [
            WindowScores("a", (0, 1), (0.1, 0.1, 0.1), (0, 0, 0), "RVRA"),
            WindowScores("b", (0, 1), (0.9, 0.8, 0.9), (1, 0, 1), "RVFA"),
            WindowScores("c", (0, 1), (0.9, 0.7, 0.1), (1, 1, 0), "FVRA", "swap", "swap"),
        ]
    )
    (score,) = tables.operator_scores(videos, THRESHOLDS, TRAINED)
    assert score.figures["auc"] == 0.5


def test_held_out_operators_are_marked(tested_videos):
    table = tables.operator_table(tables.operator_scores(tested_videos, THRESHOLDS, TRAINED))
    assert table.headers[3] == "AUC"
    column = table.headers.index("in training")
    assert {row[0]: row[column] for row in table.rows} == {
        "mouth_rerender": "no, held out",
        "mouth_swap": "yes",
        "word_splice": "yes",
    }


def test_undefined_figures_are_dashes():
    auc = METRIC_TABLE["auc"]
    assert auc.format(math.nan) == auc.format(None) == "-"
    assert auc.format(0.12345) == "0.123"
    assert tables.format_interval(auc, {"auc_low": 0.1, "auc_high": 0.2}) == "0.100 to 0.200"
    assert tables.format_interval(auc, {"auc_low": math.nan, "auc_high": math.nan}) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "< 1e-16"), (3e-17, "< 1e-16"), (2e-16, "2.0e-16"), (0.00012, "1.2e-04"),
        (0.0123, "0.012"), (1.0, "1.000"), (math.nan, "-"),
    ],
)  # fmt: skip
def test_no_p_value_is_zero(value, text):
    assert tables.p_value_text(value) == text


def test_differences_have_a_sign_and_dashes_where_they_are_not_defined():
    assert tables.signed(0.01234) == "+0.012"
    assert tables.signed(-0.5, digits=4) == "-0.5000"
    assert tables.signed(math.nan) == "-"
    assert tables.signed_range(-0.1, 0.2) == "-0.100 to +0.200"
    assert tables.signed_range(math.nan, 0.2) == "-"
