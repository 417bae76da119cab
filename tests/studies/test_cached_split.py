import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.datasets import AudioVisualForgeryDataset, load_annotation, save_annotation
from macbdf_mm.datasets.input_cache import open_input_cache
from macbdf_mm.errors import ConfigError, MissingDataError
from studies import cached_split
from studies.cached_split import plan_split

CONFIGS = Path(__file__).parents[2] / "configs"
NUM_DRAWS = 2


@pytest.fixture
def loaders(data_root):
    cfg = Config.fromfile(CONFIGS / "macbdf_demo.py")
    loaders = {"train": cfg.train_dataloader, "test": cfg.test_dataloader}
    for loader in loaders.values():
        loader.dataset.data_root = str(data_root)
    loaders["test"].dataset.windows_per_clip = 3
    return {name: loader.dataset.to_dict() for name, loader in loaders.items()}


def build(cfg):
    return AudioVisualForgeryDataset(**{k: v for k, v in cfg.items() if k != "type"})


def assert_same_item(found, expected):
    """Inputs and labels are equal, bit for bit, and so is all that is said of the clip."""
    assert found["inputs"].keys() == expected["inputs"].keys()
    for name, tensor in expected["inputs"].items():
        assert torch.equal(found["inputs"][name], tensor), name
    ours, real = found["data_samples"], expected["data_samples"]
    assert set(ours.keys()) == set(real.keys())
    for name in real.keys():  # noqa: SIM118 - a data sample is no dict
        assert torch.equal(ours.get(name), real.get(name)), name
    assert dict(ours.metainfo_items()) == dict(real.metainfo_items())


def test_a_test_split_is_the_data_set_s_own(loaders, tmp_path):
    split = plan_split(loaders["test"], tmp_path, num_draws=5)
    assert split.num_draws == 1, "nothing is random in a test"
    assert split.decode() is True
    cached, real = build(split.dataset), build(loaders["test"])
    assert len(cached) == len(real) == 24
    labels = set()
    for index in range(len(real)):
        assert_same_item(cached[index], real[index])
        labels.add(tuple(real[index]["data_samples"].gt_audio_steps.tolist()))
    assert len(labels) > 2, "steps of partial fakes are among them"


def test_what_forges_is_not_cached_for_its_labels_would_be_lost(loaders, tmp_path):
    cfg = loaders["test"] | dict(labels=[0], windows_per_clip=1)
    forging = dict(type="ForgeRealClip", donors="own", probability=0.8)
    cfg["pipeline"] = [*cfg["pipeline"][:2], forging, *cfg["pipeline"][2:]]
    split = plan_split(cfg, tmp_path, num_draws=1)
    split.decode()
    cached, real = build(split.dataset), build(cfg)
    for index in range(len(real)):
        assert_same_item(cached[index], real[index])
    assert len({cached[index]["data_samples"].category for index in range(len(real))}) > 1


def test_the_spans_of_a_draw_are_those_of_the_data_set_s_epoch(loaders, tmp_path):
    # Without augmentation: its random numbers are drawn after another draw of the span.
    cfg = copy.deepcopy(loaders["train"])
    cfg["pipeline"] = [cfg["pipeline"][i] for i in (0, 1, 3, -1)]
    assert [str(t["type"]) for t in cfg["pipeline"][2:]] == ["mmaction.Resize", "PackForgeryInputs"]
    split = plan_split(cfg, tmp_path, NUM_DRAWS)
    split.decode()
    cached, real = build(split.dataset), build(cfg)
    spans = open_input_cache(split.folder).arrays["span_seconds"].reshape(NUM_DRAWS, -1, 2)
    assert not np.allclose(spans[0], spans[1])
    drawn = set()
    for epoch in range(6):
        cached.set_epoch(epoch)
        for index in range(len(real)):
            item = cached[index]
            starts = spans[:, index, 0].tolist()
            draw = starts.index(item["data_samples"].span_seconds[0])
            drawn.add((index, draw))
            real.set_epoch(draw)
            assert_same_item(item, real[index])
    assert len(drawn) == NUM_DRAWS * len(real), "every span is used"


def test_augmentation_stays_and_follows_seed_and_epoch(loaders, tmp_path):
    split = plan_split(loaders["train"], tmp_path, NUM_DRAWS)
    split.decode()
    assert [t["type"] for t in split.dataset["pipeline"]] == [
        "ReadCachedInputs", "mmaction.RandomResizedCrop", "mmaction.Resize", "mmaction.Flip",
        "AudioGain", "AudioNoise", "PackForgeryInputs",
    ]  # fmt: skip
    one, again = build(split.dataset), build(split.dataset)
    other = build({**split.dataset, "seed": 1})
    video = one[0]["inputs"]["video"]
    assert torch.equal(again[0]["inputs"]["video"], video)
    assert not torch.equal(other[0]["inputs"]["video"], video)
    one.set_epoch(1)
    assert not torch.equal(one[0]["inputs"]["video"], video)


def test_decoding_is_done_once_and_alike_by_workers(loaders, tmp_path):
    alone = plan_split(loaders["test"], tmp_path / "alone", 1)
    helped = plan_split(loaders["test"], tmp_path / "helped", 1)
    assert helped.folder.name == alone.folder.name
    assert alone.decode() is True
    assert alone.decode() is False
    helped.decode(num_workers=2)
    frames = [open_input_cache(split.folder).arrays["frames"] for split in (alone, helped)]
    np.testing.assert_array_equal(*frames)


def test_the_folder_is_named_after_all_that_it_is_made_from(loaders, data_root, tmp_path):
    cfg = loaders["test"]

    def name(num_draws=1, **changes):
        return plan_split({**cfg, **changes}, tmp_path, num_draws).folder.name

    moved = shutil.copytree(data_root, tmp_path / "moved")
    assert name() == name(data_root=str(moved)), "where the data lie does not count"
    other = shutil.copytree(data_root, tmp_path / "other")
    annotation = load_annotation(other / "annotation.json")
    save_annotation(other / "annotation.json", annotation.metainfo, annotation.rows[::-1])
    larger = shutil.copytree(data_root, tmp_path / "larger")
    with (larger / "videos" / "test0.mp4").open("ab") as file:
        file.write(b"more")
    changed = [
        cfg["pipeline"][0],
        dict(type="DecodeAudioVisual", num_frames=8),
        *cfg["pipeline"][2:],
    ]
    names = [
        name(), name(split="val"), name(windows_per_clip=2), name(pipeline=changed),
        name(data_root=str(other)), name(data_root=str(larger)), name(test_mode=False),
        name(2, test_mode=False),
    ]  # fmt: skip
    assert len(set(names)) == len(names)


def test_spans_of_another_format_are_decoded_anew(loaders, tmp_path, monkeypatch):
    folder = plan_split(loaders["test"], tmp_path, 1).folder
    monkeypatch.setattr(cached_split, "CACHE_VERSION", -1)
    assert plan_split(loaders["test"], tmp_path, 1).folder != folder


def test_a_missing_file_is_named(loaders, data_root, tmp_path):
    copied = shutil.copytree(data_root, tmp_path / "copied")
    (copied / "videos" / "val1.mp4").unlink()
    with pytest.raises(MissingDataError, match=r"names videos/val1\.mp4, which is not under"):
        plan_split({**loaders["test"], "data_root": str(copied)}, tmp_path, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(type="RepeatDataset"), "type AudioVisualForgeryDataset .* got 'RepeatDataset'"),
        (dict(pipeline=[]), r"Expected PackForgeryInputs in the pipeline .* got \[\]"),
        (dict(pipeline=[], test_mode=False), "Expected DecodeAudioVisual in the pipeline"),
    ],
)
def test_what_cannot_be_decoded_once_is_named(loaders, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        plan_split({**loaders["test"], **changes}, tmp_path, 1)
