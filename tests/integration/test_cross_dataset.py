"""Trained on DFDC, tested on another data set, by the commands that a user types."""

import json
from pathlib import Path

import pytest

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.datasets import ClipRow, save_annotation

CONFIGS = Path(__file__).parents[2] / "configs"
# The `s` model with 32x32 pixels and a few channels; everything else is that of the configs.
TINY = (
    *("model.video_backbone.encoder.img_size=32", "model.neck.contrast.queue_length=8"),
    *("model.neck.contrast.num_negatives=2", "model.neck.weights.num_heads=2"),
    "model.neck.fusion.num_heads=2",
    *(
        f"model.{tower}.{option}"
        for tower in ("video_backbone", "audio_backbone")
        for option in ("encoder.embed_dims=24", "encoder.depth=1", "encoder.num_heads=2",
                       "embed_dims=12", "depth=1")
    ),
    *(
        f"{part}_dataloader.{option}"
        for part in ("train", "val", "test")
        for option in ("num_workers=0", "persistent_workers=False", "batch_size=2")
    ),
    *(
        f"{part}_dataloader.dataset.pipeline.Resize.scale=(32,32)"
        for part in ("train", "val", "test")
    ),
    *("val_evaluator.num_resamples=10", "test_evaluator.num_resamples=10"),
    "train_cfg.max_epochs=1",
)  # fmt: skip


@pytest.fixture
def data(make_clip, tmp_path):
    """DFDC with parts to train and validate on, and another data set with one to test on."""
    for name, splits in (("dfdc_crops", ("train", "val")), ("fakeavceleb_crops", ("test",))):
        rows = []
        for split in splits:
            for index, labels in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
                file = f"{split}_{index}.mp4"
                make_clip(f"data/{name}/{file}", seconds=2.6)
                rows.append(ClipRow(file, max(labels), *labels, split=split, duration_seconds=2.6))
        metainfo = {"dataset": name, "faces": {"crops": {"size": 96}}}
        save_annotation(tmp_path / "data" / name / "annotation.json", metainfo, rows)


def test_thresholds_of_the_training_data_decide_on_the_other(data, run_tool, tmp_path):
    trained = run_tool("train", CONFIGS / "macbdf_dfdc.py", "--cfg-options", *TINY)
    assert trained.returncode == 0, trained.stderr[-2000:]
    checkpoint = tmp_path / "work_dirs" / "macbdf_dfdc" / "epoch_1.pth"
    weights = load_checkpoint(checkpoint)["state_dict"]
    # Chosen on the validation part of DFDC: the training run has no other data.
    assert weights["is_threshold_fitted"].item()

    config = CONFIGS / "cross_dataset" / "macbdf_dfdc_on_fakeavceleb.py"
    tested = run_tool("test", config, checkpoint, "--cfg-options", *TINY)
    assert tested.returncode == 0, tested.stderr[-2000:]
    scores = tmp_path / "work_dirs" / "macbdf_dfdc_on_fakeavceleb" / "test_scores.jsonl"
    results = json.loads(scores.with_suffix(".meta.json").read_text())
    expected = weights["decision_threshold"].tolist()
    used = [results["thresholds"][track] for track in ("overall", "video", "audio")]
    assert used == pytest.approx(expected)
    assert results["is_threshold_fitted"] is True
    assert used != [0.5, 0.5, 0.5]
    videos = [json.loads(line) for line in scores.read_text().splitlines()]
    assert [video["file"] for video in videos] == [f"test_{index}.mp4" for index in range(4)]
    assert {video["dataset"] for video in videos} == {"fakeavceleb_crops"}
