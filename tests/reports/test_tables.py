import math

import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.reports import tables

THRESHOLDS = {"overall": 0.5, "video": 0.45, "audio": 0.55}
TRAINED = {"video": {"mouth_swap"}, "audio": {"word_splice"}}


def test_the_always_fake_row_stands_beside_the_accuracy(tested_videos):
    figures = {"overall": measure_track(tested_videos, "overall", 0.5)}
    headers, (row,) = tables.track_table(figures)
    cells = dict(zip(headers, row, strict=True))
    # Six of seven are decided rightly (one real clip scores 0.8), four of seven are fake.
    assert cells["accuracy"] == f"{6 / 7:.3f}"
    assert cells["always fake"] == f"{4 / 7:.3f}"
    assert cells["balanced acc."] == f"{(2 / 3 + 1) / 2:.3f}"
    assert (cells["real"], cells["fake"]) == ("3", "4")


def test_frame_level_figures_of_the_tracks_that_have_them():
    metrics = {"video/frame_auc": 0.9, "video/frame_auc_partial": None, "video/num_partial": 0}
    headers, rows = tables.step_table(metrics)
    assert rows == [("video", "0.900", "-", "0")]
    assert len(headers) == len(rows[0])
    assert tables.step_table({"video/auc": 0.9}) is None


def test_categories(tested_videos):
    headers, rows = tables.category_table(tested_videos, 0.5)
    assert len(headers) == len(rows[0])
    assert rows[0] == ("RVRA (real video, real audio)", "3", "33%", "67%", "-")
    # Fakes score 0.9 and 0.7, real clips 0.1, 0.2 and 0.8: one pair of six is inverted.
    assert rows[1] == ("FVRA (fake video, real audio)", "2", "100%", "100%", f"{5 / 6:.3f}")


def test_operators_are_judged_by_the_track_that_they_forge(tested_videos):
    scores = {s.operator: s for s in tables.operator_scores(tested_videos, THRESHOLDS, TRAINED)}
    assert set(scores) == {"mouth_swap", "mouth_rerender", "word_splice"}
    labels = [0, 0, 0, 0, 1, 1]
    # Video scores of the clips with real video, then of the two swapped mouths.
    expected = roc_auc_score(labels, [0.1, 0.3, 0.2, 0.2, 0.8, 0.9])
    assert scores["mouth_swap"].auc == pytest.approx(expected)
    assert scores["mouth_swap"].num_clips == 2
    assert scores["mouth_swap"].found_share == 1.0
    assert scores["word_splice"].track == "audio"
    assert [s.operator for s in scores.values() if s.is_held_out] == ["mouth_rerender"]


def test_held_out_operators_are_marked(tested_videos):
    headers, rows = tables.operator_table(
        tables.operator_scores(tested_videos, THRESHOLDS, TRAINED)
    )
    column = headers.index("in training")
    assert {row[0]: row[column] for row in rows} == {
        "mouth_rerender": "no, held out",
        "mouth_swap": "yes",
        "word_splice": "yes",
    }


def test_coverage_counts_what_has_no_score(tested_videos):
    assert tables.coverage_table(tested_videos, 9)[1][0] == ("overall", "7", "9")


def test_undefined_figures_are_dashes():
    assert tables.number(math.nan) == tables.interval(math.nan, math.nan) == "-"
    assert tables.number(0.12345) == "0.123"
    assert tables.interval(0.1, 0.2) == "0.100 to 0.200"
