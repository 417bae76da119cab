"""DFDC from its own layout to a trained detector, by the commands that a user types."""

from pathlib import Path

import pytest
from dfdc_tree import write_dfdc_tree
from middle_detector import ARGUMENTS as DETECTOR

from macbdf_mm.apis.load_model import load_checkpoint

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "configs" / "macbdf_dfdc.py"


@pytest.mark.slow
def test_the_dfdc_config_trains_on_a_tree_in_dfdcs_layout(run_tool, tmp_path):
    """The `s` model at its full size; only batch, workers and length of the run are smaller."""
    root, crops = tmp_path / "dfdc", tmp_path / "dfdc_crops"
    write_dfdc_tree(root, num_originals=4, num_test_clips=4, seconds=3.0)
    for tool, *arguments in (
        ("convert_dataset", "dfdc", root, root / "annotation.json", "--workers", 1),
        ("make_splits", root / "annotation.json", root / "annotation.json"),
        ("prepare_faces", root / "annotation.json", "--data-root", root, "--out", crops,
         "--crops", "mp4", "--workers", 1, *DETECTOR),
    ):  # fmt: skip
        done = run_tool(tool, *arguments, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY}/tests/trees")
        assert done.returncode == 0, done.stderr[-2000:]
    options = ["train_cfg.max_epochs=1"]
    for part in ("train", "val", "test"):
        options += [
            f"{part}_dataloader.dataset.data_root={crops}",
            f"{part}_dataloader.batch_size=2",
            f"{part}_dataloader.num_workers=0",
            f"{part}_dataloader.persistent_workers=False",
        ]
    options += [f"{part}_dataloader.dataset.windows_per_clip=1" for part in ("val", "test")]
    done = run_tool("train", CONFIG, "--work-dir", tmp_path / "run", "--cfg-options", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    weights = load_checkpoint(str(tmp_path / "run" / "epoch_1.pth"))["state_dict"]
    assert weights["neck.macl.video_queue.valid"].any()
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())
