import pytest
from mmengine.config import Config

from macbdf_mm.apis.build_dataset import build_dataset
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ConfigError


def test_changes_reach_data_sets_in_others_and_not_the_config(tmp_path):
    rows = [ClipRow(f"{name}.mp4", 0, 0, 0, split=name) for name in ("train", "test")]
    save_annotation(tmp_path / "a.json", {"dataset": "two"}, rows)
    own = dict(
        type="AudioVisualForgeryDataset",
        ann_file="a.json",
        data_root=str(tmp_path),
        split="train",
        check_files=False,
    )
    cfg = Config(dict(train_dataloader=dict(dataset=dict(type="ConcatDataset", datasets=[own]))))
    dataset = build_dataset(cfg, "train", {"split": "test"})
    assert [dataset.get_data_info(index)["file"] for index in range(len(dataset))] == ["test.mp4"]
    assert cfg.train_dataloader.dataset.datasets[0].split == "train"


def test_a_config_without_the_loader_is_refused():
    with pytest.raises(ConfigError, match=r"has no `val_dataloader\.dataset`"):
        build_dataset(Config({}), "val", {})
