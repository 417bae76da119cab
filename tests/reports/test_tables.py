import math

import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.evaluation.measures import measure_track, measure_videos
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.video_scores import WindowScores, gather_videos
from macbdf_mm.reports import tables
from macbdf_mm.reports.tables import format_figures

THRESHOLDS = {"overall": 0.5, "video": 0.45, "audio": 0.55}
TRAINED = {"video": {"mouth_swap"}, "audio": {"word_splice"}}


def test_the_always_fake_row_stands_beside_the_accuracy(tested_videos):
    figures = {"overall": measure_track(tested_videos, "overall", 0.5)}
    table = tables.track_table(figures)
    cells = dict(zip(table.headers, table.rows[0], strict=True))
    # Six of seven are decided rightly (one real clip scores 0.8), four of seven are fake.
    assert cells["ACC"] == f"{6 / 7:.3f}"
    assert cells['ACC of "always fake"'] == f"{4 / 7:.3f}"
    assert cells["balanced ACC"] == f"{(2 / 3 + 1) / 2:.3f}"
    assert (cells["real"], cells["fake"]) == ("3", "4")


def test_frame_level_figures_of_the_tracks_that_have_them():
    metrics = {"video/frame_auc": 0.9, "video/frame_auc_partial": None, "video/num_partial": 0}
    table = tables.step_table(metrics)
    assert table.rows == [("video", "0.900", "-", "0")]
    assert table.headers[1:] == (
        "AUC of all time steps", "AUC within partially fake clips", "such clips",
    )  # fmt: skip
    assert tables.step_table({"video/auc": 0.9}) is None


def test_categories(tested_videos):
    table = tables.category_table(tested_videos, 0.5)
    assert table.headers == ("category", "clips", "called fake", "AUC against real clips", "ACC")
    assert table.rows[0] == ("RVRA (real video, real audio)", "3", "33%", "-", f"{2 / 3:.3f}")
    # Fakes score 0.9 and 0.7, real clips 0.1, 0.2 and 0.8: one pair of six is inverted.
    assert table.rows[1] == (
        "FVRA (fake video, real audio)", "2", "100%", f"{5 / 6:.3f}", "1.000",
    )  # fmt: skip


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
    assert table.headers[3:5] == ("AUC", "95 % interval")
    column = table.headers.index("in training")
    assert {row[0]: row[column] for row in table.rows} == {
        "mouth_rerender": "no, held out",
        "mouth_swap": "yes",
        "word_splice": "yes",
    }


def test_coverage_counts_what_has_no_score(tested_videos):
    assert tables.coverage_table(tested_videos, 9).rows[0] == ("overall", "7", "9")


def test_undefined_figures_are_dashes():
    auc = METRIC_TABLE["auc"]
    assert auc.format(math.nan) == auc.format(None) == "-"
    assert auc.format(0.12345) == "0.123"
    assert tables.format_interval(auc, {"auc_low": 0.1, "auc_high": 0.2}) == "0.100 to 0.200"
    assert tables.format_interval(auc, {"auc_low": math.nan, "auc_high": math.nan}) == "-"


VIDEOS = gather_videos(
    [
        WindowScores("a", (0, 1), (0.1, 0.1, 0.1), (0, 0, -1), "RVRA"),
        WindowScores("b", (0, 1), (0.9, 0.8, 0.3), (1, 1, -1), "FVRA", "patch", "patch"),
        WindowScores("c", (0, 1), (0.7, 0.6, 0.3), (1, 1, -1), "FVRA", "patch", "patch"),
    ]
)
FIGURES = measure_videos(VIDEOS, {"overall": 0.5, "video": 0.5, "audio": 0.5}, 10)


def test_every_figure_has_its_place():
    lines = format_figures(FIGURES).splitlines()
    assert lines[0].split("  ")[-4:] == ['ACC of "always fake"', "threshold", "real", "fake"]
    assert lines[1].split() == [
        "overall", "1.000", "1.000", "to", "1.000", "0.000", "1.000", "1.000", "0.667", "0.500",
        "1", "2",
    ]  # fmt: skip
    start = lines.index("By category (overall score)")
    assert lines[start + 1].split() == ["AUC", "against", "real", "clips", "ACC"]
    assert [line.split() for line in lines[start + 2 : start + 4]] == [
        ["FVRA", "1.000", "1.000"], ["RVRA", "-", "1.000"],
    ]  # fmt: skip
    for title in ("By method of the clip (overall score)", "By video operator (video score)"):
        assert lines[lines.index(title) + 2].split() == ["patch", "1.000"]
    assert "By audio operator (audio score)" not in lines


def test_unknown_is_a_dash():
    row = next(line for line in format_figures(FIGURES).splitlines() if line.startswith("audio"))
    assert row.split()[:4] == ["audio", "-", "-", "-"]
    assert math.isnan(FIGURES["audio/auc"])


def test_frame_level_figures_are_shown_where_there_are_any():
    steps = {"audio/frame_auc": 0.75, "audio/frame_auc_partial": math.nan, "audio/num_partial": 0}
    lines = format_figures(FIGURES | steps).splitlines()
    assert lines[lines.index("Frame level") + 2].split() == ["audio", "0.750", "-", "0"]
    assert "Frame level" not in format_figures(FIGURES)


def test_origin_of_the_threshold_is_said():
    counted = FIGURES | {"num_videos": 3, "coverage": 0.75}
    fitted = format_figures(counted | {"is_threshold_fitted": 1.0})
    assert fitted.endswith("3 clips scored, 75.0% of all; thresholds from validation data.")
    unfitted = format_figures(counted | {"is_threshold_fitted": 0.0})
    assert "the checkpoint carries none" in unfitted
