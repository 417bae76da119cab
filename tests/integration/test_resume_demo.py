"""The demo's own config on a few real mp4 files: resume, dropout, augmentation, two workers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.evaluate_model import evaluate_model
from macbdf_mm.apis.load_model import load_checkpoint, trained_on_synthetic
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.engine.run_options import set_resume
from macbdf_mm.media.writer import write_clip

DEMO_CONFIG = Path(__file__).parents[2] / "configs" / "macbdf_demo.py"
NUM_CLIPS = {"train": 8, "val": 4, "test": 4}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory) -> Path:
    """A data set of two seconds of noise a clip; the fakes are darker and quieter."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    rows = []
    for split, number in NUM_CLIPS.items():
        for index in range(number):
            label = index % 2
            file = f"videos/{split}{index}.mp4"
            frames = generator.integers(0, 255 - 100 * label, (50, 64, 64, 3), dtype=np.uint8)
            waveform = generator.normal(0, 0.2 - 0.1 * label, 32_000).astype(np.float32)
            write_clip(root / file, frames, 25.0, waveform, preset="ultrafast")
            rows.append(
                ClipRow(
                    file, label, label, label, identity=f"{split}{index}", split=split,
                    method="dark" if label else None,
                    extra={"video_method": "dark" if label else None},
                )
            )  # fmt: skip
    metainfo = {"dataset": "noise", "version": 1, "synthetic": True}
    save_annotation(root / "annotation.json", metainfo, rows)
    return root


@pytest.fixture
def demo_cfg(data_root, tmp_path):
    torch.set_num_threads(1)

    def make(work_dir: str, max_epochs: int) -> Config:
        cfg = Config.fromfile(str(DEMO_CONFIG))
        for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
            cfg[name].dataset.data_root = str(data_root)
            cfg[name].batch_size = 4
        cfg.val_dataloader.num_workers = cfg.test_dataloader.num_workers = 0
        cfg.val_dataloader.persistent_workers = cfg.test_dataloader.persistent_workers = False
        # Eight clips are enough for clusters after the first epoch, so that both parts of a
        # resumed run have them.
        cfg.model.neck.clusters = dict(max_clusters=2)
        cfg.train_cfg.max_epochs = max_epochs
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.experiment_name = f"demo_{tmp_path.name}_{work_dir}_{max_epochs}"
        cfg.log_level = "ERROR"
        return cfg

    return make


def test_resumed_demo_equals_uninterrupted_and_can_be_tested(demo_cfg, tmp_path):
    whole = demo_cfg("whole", 2)
    assert whole.train_dataloader.num_workers == 2
    assert whole.train_dataloader.persistent_workers
    whole_digest = weight_digest(train_model(whole))

    first_digest = weight_digest(train_model(demo_cfg("parts", 1)))
    assert first_digest != whole_digest
    state = load_checkpoint(tmp_path / "parts" / "epoch_1.pth")["state_dict"]
    assert state["neck.video_clusters.is_ready"]
    cfg = demo_cfg("parts", 2)
    set_resume(cfg, "auto")
    assert weight_digest(train_model(cfg)) == whole_digest

    path = tmp_path / "parts" / "epoch_2.pth"
    checkpoint = load_checkpoint(path)
    assert trained_on_synthetic(checkpoint) is True
    assert checkpoint["state_dict"]["is_threshold_fitted"]
    figures = evaluate_model(demo_cfg("test", 2), path)
    thresholds = checkpoint["state_dict"]["decision_threshold"].tolist()
    assert [figures[f"{track}/threshold"] for track in ("overall", "video", "audio")] == thresholds
    assert figures["coverage"] == 1.0
    assert figures["num_videos"] == 4
    assert "auc_by_video_method/dark" in figures
