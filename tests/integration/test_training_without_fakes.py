"""Training on real clips alone, by the demo's own config, on small files."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.train_model import train_model
from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.errors import MissingDataError
from macbdf_mm.registry import DATASETS, build_part

CONFIG = Path(__file__).parents[2] / "configs" / "macbdf_demo_real_only.py"
PARTS = ("train_dataloader", "val_dataloader", "test_dataloader")


@pytest.fixture
def make_cfg(make_face_clip, tmp_path):
    """Four real clips and two fakes to train on, two real ones and a fake in the other parts."""

    def make(labels=(0, 0, 1, 0, 0, 1)):
        rows = [("train", label) for label in labels]
        rows += [(split, label) for split in ("val", "test") for label in (0, 0, 1)]
        clips = []
        for index, (split, label) in enumerate(rows):
            make_face_clip(f"{index}.mp4", size=(64, 64), places=[lambda _: (0, 0)])
            clips.append(
                ClipRow(f"{index}.mp4", label, label, label, split=split, duration_seconds=2.0)
            )
        save_annotation(tmp_path / "annotation.json", {"dataset": "d"}, clips)
        cfg = Config.fromfile(str(CONFIG))
        for part in PARTS:
            cfg[part].dataset.data_root = str(tmp_path)
            # In this process, so that nothing has to start.
            cfg[part].dataset.decode_time_limit_seconds = None
            cfg[part].update(batch_size=2, num_workers=0, persistent_workers=False, timeout=0)
        for tower in (cfg.model.video_backbone, cfg.model.audio_backbone):
            tower.encoder.update(embed_dims=24, depth=1, num_heads=2)
            tower.update(embed_dims=12, depth=1)
        neck = cfg.model.neck
        neck.contrast.queue_length, neck.contrast.num_negatives = 4, 2
        neck.weights.num_heads = neck.fusion.num_heads = 2
        cfg.train_cfg.update(max_epochs=1, val_interval=1)
        cfg.val_evaluator.num_resamples = 5
        cfg.work_dir = str(tmp_path / "run")
        cfg.experiment_name = f"real_only_{os.getpid()}_{tmp_path.name}"
        cfg.log_level = "ERROR"
        return cfg

    return make


def forged_items(cfg, seed=0, num_epochs=3):
    """Return (file, decoded, forged) of some epochs; both from the same span of a clip."""
    data = build_part(DATASETS, {**cfg.train_dataloader.dataset, "seed": seed})
    (place,) = [
        place
        for place, transform in enumerate(data.pipeline.transforms)
        if type(transform).__name__ == "ForgeRealClip"
    ]
    decoded = data.before(data.pipeline.transforms[place])
    forged = data.before(data.pipeline.transforms[place + 1])
    forged.pipeline.transforms[place].donors = data.before(data.pipeline.transforms[place])
    forged.pipeline.transforms[place].donor_indices = list(range(len(data)))
    for epoch in range(num_epochs):
        decoded.set_epoch(epoch)
        forged.set_epoch(epoch)
        for index in range(len(data)):
            yield data.get_data_info(index), decoded[index], forged[index]


def test_every_clip_is_real_before_and_its_labels_say_what_was_forged(make_cfg):
    categories = set()
    for row, decoded, forged in forged_items(make_cfg()):
        assert row["file"] in ("0.mp4", "1.mp4", "3.mp4", "4.mp4")
        assert (row["label"], row["category"]) == (0, "RVRA")
        frames = (np.stack(decoded["imgs"]) != np.stack(forged["imgs"])).any((1, 2, 3))
        samples = decoded["waveform"] != forged["waveform"]
        assert (forged["video_label"], forged["audio_label"]) == (frames.any(), samples.any())
        assert forged["label"] == (frames.any() or samples.any())
        letters = ("RF"[int(frames.any())], "RF"[int(samples.any())])
        assert forged["category"] == "{}V{}A".format(*letters)
        categories.add(forged["category"])
        start, end = forged["span_seconds"]
        for track, changed in (("video", frames), ("audio", samples)):
            seconds = start + np.flatnonzero(changed) / len(changed) * (end - start)
            assert bool(forged[f"{track}_fake_intervals"]) == changed.any()
            for first, last in forged[f"{track}_fake_intervals"]:
                assert first - 1e-6 <= seconds.min()
                assert seconds.max() < last
    assert categories == {"RVRA", "FVRA", "RVFA", "FVFA"}


def test_the_same_seed_gives_the_same_items(make_cfg):
    cfg = make_cfg()

    def items(seed):
        data = build_part(DATASETS, {**cfg.train_dataloader.dataset, "seed": seed})
        return [data[index] for index in range(len(data))]

    one, again, other = items(0), items(0), items(1)
    for first, second in zip(one, again, strict=True):
        for name, value in first["inputs"].items():
            assert torch.equal(value, second["inputs"][name]), name
        assert first["data_samples"].category == second["data_samples"].category
    assert not torch.equal(one[0]["inputs"]["video"], other[0]["inputs"]["video"])


def test_it_trains_and_validates_and_meets_no_fake_of_the_data_set(make_cfg, monkeypatch):
    seen = []
    from macbdf_mm.datasets import AudioVisualForgeryDataset

    prepare = AudioVisualForgeryDataset.prepare_data
    monkeypatch.setattr(
        AudioVisualForgeryDataset,
        "prepare_data",
        lambda self, idx: (seen.append(self.get_data_info(idx)), prepare(self, idx))[1],
    )
    model = train_model(make_cfg())
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert {info["split"] for info in seen} == {"train", "val"}
    assert {info["label"] for info in seen} == {0}


def test_a_split_without_real_clips_is_said(make_cfg):
    with pytest.raises(MissingDataError, match=r"no clip with a `label` of \[0\] .*'train'"):
        train_model(make_cfg(labels=(1, 1)))


def test_the_epochs_make_as_many_steps_as_those_of_the_demo():
    real, full = (
        Config.fromfile(str(CONFIG.parent / name)) for name in (CONFIG.name, "macbdf_demo.py")
    )
    # 240 of the demo's 600 training clips are real.
    steps = real.train_cfg.max_epochs * (240 // real.train_dataloader.batch_size)
    assert abs(steps - full.train_cfg.max_epochs * (600 // full.train_dataloader.batch_size)) < 8
    cosine = real.param_scheduler[1]
    assert (cosine["end"], cosine["begin"] + cosine["T_max"]) == (79, 79)
