"""The pipelines of docs/augmentation.md and docs/faces.md, as they stand there, on real files."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset

DOCS = Path(__file__).parents[2] / "docs"
WIDTH, HEIGHT, HEAD = 320, 240, 64


def documented_pipeline(page):
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        if "train_pipeline = [" in block:
            names = {}
            exec(block, names)
            return names["train_pipeline"]
    raise AssertionError(f"{page} has no train_pipeline")


@pytest.fixture
def load(make_face_clip, tmp_path):
    box = [120 / WIDTH, 80 / HEIGHT, (120 + HEAD) / WIDTH, (80 + HEAD) / HEIGHT]
    face = dict(times_seconds=[0.0, 3.0], boxes=[box, box], chosen=True)
    rows = []
    for index, labels in enumerate([(0, 0), (1, 0), (0, 1), (0, 0)]):
        make_face_clip(f"{index}.mp4", seconds=3.0)
        rows.append(ClipRow(f"{index}.mp4", max(labels), *labels, faces=(face,)))
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, rows)

    def load(page):
        return AudioVisualForgeryDataset("ann.json", documented_pipeline(page), str(tmp_path))

    return load


@pytest.mark.parametrize("page", ["augmentation.md", "faces.md"])
def test_items_are_what_the_model_takes_and_repeat(load, page):
    first, again, later = load(page), load(page), load(page)
    later.set_epoch(1)
    differs = False
    for index in range(4):
        item, same, other = first[index], again[index], later[index]
        inputs = item["inputs"]
        assert inputs["video"].shape == (3, 16, 224, 224)
        assert inputs["video"].dtype == torch.uint8
        assert inputs["waveform"].shape == (round(0.64 * 16_000),)
        assert item["data_samples"].gt_video_steps.shape == (8,)
        for name, value in inputs.items():
            assert torch.equal(value, same["inputs"][name]), name
        differs |= not torch.equal(inputs["video"], other["inputs"]["video"])
    assert differs


def test_augmentation_keeps_the_labels_of_fakes_and_forges_only_real_clips(load):
    data = load("augmentation.md")
    forged = 0
    for epoch in range(8):
        data.set_epoch(epoch)
        for index, expected in enumerate([(0, 0), (1, 0), (0, 1), (0, 0)]):
            sample = data[index]["data_samples"]
            seen = sample.gt_video_label.item(), sample.gt_audio_label.item()
            if index in (1, 2):
                # A dropped track is unknown; nothing else changes.
                assert all(got in (-1, label) for got, label in zip(seen, expected, strict=True))
            forged += index in (0, 3) and 1 in seen
    # 16 draws at 0.3, less those of a dropped track: four deviations of a binomial.
    assert forged == pytest.approx(16 * 0.3, abs=4 * np.sqrt(16 * 0.3 * 0.7))
    assert forged > 0
