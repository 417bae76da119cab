"""The tools of the studies, from clips on disk to a page with figures."""

import json
from pathlib import Path

import pytest

from macbdf_mm.apis.study.studies import OM_PARETO

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def data_root(run_tool, tmp_path):
    """A demo data set of 40 clips."""
    done = run_tool("make_demo_dataset", "--out", "data", "--num-clips", 40)
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


@pytest.mark.slow  # eight processes that train
def test_both_studies_share_a_folder(run_tool, data_root, tmp_path):
    schedule = tmp_path / "short.py"
    base = "configs/_base_/schedules/study.py"
    schedule.write_text(f"_base_ = [{str(REPOSITORY / base)!r}]\ntrain_cfg = dict(max_epochs=1)\n")
    common = (
        "--data", data_root, "--work-dir", "work", "--results", "docs/results", "--jobs", 2,
        "--schedule", schedule, "--seeds", 0,
    )  # fmt: skip
    options = ("--cfg-options", "train_dataloader.batch_size=4")
    variants = ("--variants", "full", "without_contrast", "depth_0")
    done = run_tool("run_ablations", *common, *variants, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "docs/results/ablations.md").read_text()
    assert "**Synthetic data**" in page
    assert "| without L_C | 1 |" in page
    for name in ("ablations_depth", "ablations_embeddings"):
        assert (tmp_path / f"docs/images/{name}.png").is_file()

    done = run_tool("run_om_pareto_study", *common, "--peer-seeds", 0, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "full, seed 0: begins" not in done.stdout, "it is shared"
    assert "6 runs, 5 of them to be trained now" in done.stdout
    content = json.loads((tmp_path / "docs/results/om_pareto.json").read_text())
    assert set(content["variants"]) == set(OM_PARETO.titles())
    assert (
        content["variants"]["full"]["runs"]["0"]["epochs"][0]["om_pareto"]["video/conflict_share"]
        >= 0
    )
    assert (tmp_path / "docs/images/om_pareto_epochs.png").is_file()
