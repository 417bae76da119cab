import json

import numpy as np
import pytest

from macbdf_mm.reports.figures.training_curves import draw_seed_curves
from studies.ablations import ABLATIONS, fill_ablation_page
from studies.runs import run_folder
from studies.study_page import StudyPage

FACTS = {
    "command": "python tools/t.py",
    "dataset": "noise",
    "is_synthetic": True,
    "num_epochs": 2,
    "spans_per_clip": 3,
    "num_clips": {"train": 8},
    "encoders": "random",
    "left_out": [],
    "further_tests": [],
}


@pytest.fixture
def drawn(monkeypatch):
    panels = {}
    monkeypatch.setattr(
        "studies.ablations.draw_seed_curves",
        lambda new, *rest: panels.update(new) or draw_seed_curves(new, *rest),
    )
    return panels


def fill(results, folder, work_dir):
    page = StudyPage(ABLATIONS, results, FACTS, folder, work_dir)
    for name, depth in {"depth_0": 0, "full": 2, "depth_4": 4}.items():
        for seed in results.get(name, {}):
            config = run_folder(work_dir, name, seed) / "config.py"
            config.parent.mkdir(parents=True, exist_ok=True)
            if not config.exists():
                config.write_text(f"model = dict(video_backbone=dict(depth={depth}))\n")
    fill_ablation_page(page)
    return page


def test_figures_stand_over_the_depth(drawn, make_result, tmp_path):
    results = {
        "full": {0: make_result(video__auc=0.8), 1: make_result(video__auc=0.9)},
        "depth_4": {1: make_result(video__auc=0.7)},
        "depth_0": {0: make_result(video__auc=0.5), 1: make_result(video__auc=None)},
    }
    page = fill(results, tmp_path / "results", tmp_path)
    assert list(drawn) == ["AUC", "Accuracy"]
    video = drawn["AUC"][1]
    assert video.label == "video"
    np.testing.assert_array_equal(video.positions, [0, 2, 4])
    np.testing.assert_array_equal(video.values, [[0.5, 0.8, np.nan], [np.nan, 0.9, 0.7]])
    assert "## Depth of the towers" in page.write()[0].read_text()


def test_one_depth_has_no_curve_and_one_variant_no_maps(drawn, make_result, tmp_path):
    page = fill({"full": {0: make_result(video__auc=0.8)}}, tmp_path / "results", tmp_path)
    assert drawn == {}
    assert "##" not in page.write()[0].read_text().replace("# Ablations", "")


def test_embeddings_with_and_without_contrast_are_mapped(untrained_run, make_result, tmp_path):
    results = {name: {0: make_result()} for name in ("full", "without_contrast")}
    page = fill(results, tmp_path / "results", untrained_run)
    text, runs, picture = page.write()
    assert picture.name == "ablations_embeddings.png"
    assert picture.stat().st_size > 10_000
    rows = [
        line for line in text.read_text().splitlines() if line.startswith(("| full,", "| with"))
    ]
    assert [row.split("|")[1].strip() for row in rows] == [
        "without L_C, x_v", "without L_C, x_a", "without L_C, fused",
        "full, x_v", "full, x_a", "full, fused",
    ]  # fmt: skip
    separation = json.loads(runs.read_text())["separation"]["full, x_a"]
    assert separation[0]["category: chance"] == 0.25
    assert separation[0]["own label: chance"] == 0.5
