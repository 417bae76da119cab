import csv
import math

import pytest
import torch
from matplotlib.image import imread
from mmengine.evaluator import Evaluator

from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.reports.score_tables import score_tables
from macbdf_mm.reports.show_results import show_results
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


def sample(file, label, score):
    result = ForgeryDataSample(pred_scores=torch.tensor([score, score, math.nan]))
    result.set_metainfo(
        {
            "file": file,
            "span_seconds": (0.0, 1.0),
            "clip_label": label,
            "clip_video_label": label,
            "clip_audio_label": -1,
            "category": None,
            "method": "patch" if label else None,
        }
    )
    return result


def test_table_and_curves(tmp_path):
    evaluator = Evaluator(ForgeryMetric(num_resamples=10, out_file=str(tmp_path / "scores.jsonl")))
    evaluator.process([sample("a", 0, 0.25), sample("b", 1, 0.75), sample("c", 1, math.nan)])
    evaluator.evaluate(3)
    scores = read_scores(tmp_path / "scores.jsonl")
    tables = score_tables(scores, num_resamples=5)
    table, picture, reliability = show_results(scores, tables, tmp_path / "shown")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a", "b", "c"]
    assert [row["called_fake"] for row in rows] == ["0", "1", ""]
    assert [float(row["overall_score"]) for row in rows[:2]] == pytest.approx([0.25, 0.75])
    assert rows[2]["overall_score"] == ""
    assert rows[1]["method"] == "patch"
    assert imread(picture).std() > 0
    assert reliability.name == "reliability.png"
    assert imread(reliability).std() > 0
    # Plots count clips without a score as the tables do.
    filled = score_tables(scores, "as-real", num_resamples=5)
    shown = show_results(scores, filled, tmp_path / "filled", "as-real")
    for plot, other in zip((picture, reliability), shown[1:], strict=True):
        assert plot.read_bytes() != other.read_bytes()
