import math

from macbdf_mm.evaluation.figure_table import format_figures
from macbdf_mm.evaluation.measures import measure_videos
from macbdf_mm.evaluation.video_scores import WindowScores, gather_videos

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
    assert lines[0].split()[:2] == ["AUC", "95"]
    assert lines[1].split() == [
        "overall", "1.000", "1.000", "-", "1.000", "0.000", "1.000", "1.000", "0.500", "1/2",
    ]  # fmt: skip
    assert lines[2].split() == ["always", "fake", "0.667", "0.500"]
    assert "FVRA  1.000" in lines
    assert "patch  1.000" in lines


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
