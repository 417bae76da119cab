"""The tools of the studies, from clips on disk to a page with figures."""

import json
from pathlib import Path

import pytest

SCHEDULE = Path(__file__).parents[2] / "configs" / "_base_" / "schedules" / "study.py"


@pytest.fixture
def data_root(run_tool, tmp_path):
    """A demo data set of 40 clips."""
    done = run_tool("make_demo_dataset", "--out", "data", "--num-clips", 40)
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


@pytest.mark.slow  # three processes that train
def test_both_studies_share_a_folder(run_tool, data_root, tmp_path):
    schedule = tmp_path / "short.py"
    schedule.write_text(f"_base_ = [{str(SCHEDULE)!r}]\ntrain_cfg = dict(max_epochs=1)\n")
    common = (
        "--data", data_root, "--work-dir", "work", "--results", "docs/results", "--jobs", 2,
        "--schedule", schedule, "--seeds", 0, "--cfg-options", "train_dataloader.batch_size=4",
    )  # fmt: skip
    done = run_tool("run_ablations", *common, "--variants", "full", "without_contrast")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "docs/results/ablations.md").read_text()
    assert "**Synthetic data**" in page
    assert "| without L_C | 1 |" in page
    assert (tmp_path / "docs/images/ablations_embeddings.png").is_file()

    wanted = ("--variants", "full", "without_om_pareto", "--peer-seeds", 0)
    done = run_tool("run_om_pareto_study", *common, *wanted)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " runs, 1 of them to be trained now" in done.stdout, "the full model is shared"
    content = json.loads((tmp_path / "docs/results/om_pareto.json").read_text())
    assert set(content["variants"]) == {"full", "without_om_pareto"}
    for variant in content["variants"].values():
        (epoch,) = variant["runs"]["0"]["epochs"]
        assert 0 <= epoch["om_pareto"]["video/conflict_share"] <= 1
    assert (tmp_path / "docs/images/om_pareto_epochs.png").is_file()
