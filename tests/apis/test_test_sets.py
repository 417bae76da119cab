from pathlib import Path

import pytest
from mmengine.config import Config

from macbdf_mm.apis.test_sets import find_test_sets, limited
from macbdf_mm.datasets import ClipRow, load_annotation, save_annotation
from macbdf_mm.errors import ConfigError, MissingDataError


@pytest.fixture
def make(tmp_path):
    def write(folder, *splits, name="d", **metainfo):
        rows = [
            ClipRow(f"{split}_{k}.mp4", int(k < 6), int(k < 6), 0, split=split)
            for split in splits
            for k in range(8)
        ]
        path = tmp_path / folder / "annotation.json"
        save_annotation(path, {"dataset": name, **metainfo}, rows)
        return path

    return write


def config(path, **dataset):
    leaf = dict(type="D", data_root=str(path.parent), ann_file=path.name, split="test", **dataset)
    return Config({"test_dataloader": {"batch_size": 2, "dataset": leaf}})


def test_folders_annotations_and_configs(make, tmp_path):
    cfg = config(make("a", "test", name="a", synthetic=True), pipeline=[{"type": "P"}])
    b, c = make("b", "val", "test", name="b"), make("c", "train", name="c")
    other = tmp_path / "other.py"
    other.write_text(
        f"test_dataloader = dict(dataset=dict(datasets=[dict(ann_file={str(b)!r}, split='val'), "
        f"dict(ann_file={str(c)!r})]))"
    )
    found = find_test_sets(cfg, [str(b.parent), f"{c}:train", str(other)])
    assert [one.name for one in found] == ["a test", "b test", "c train", "b val + c"]
    assert [one.dataset for one in found] == ["a", "b", "c", "b + c"]
    assert [one.num_clips for one in found] == [8, 8, 8, 16]
    assert [one.is_synthetic for one in found] == [True, False, False, False]
    assert [one.slug for one in found] == ["a-test", "b-test", "c-train", "b-val-c"]
    assert found[3].annotations == (b, c)
    # Read as the config reads its own.
    assert found[2].dataloader.dataset.pipeline == [{"type": "P"}]
    assert found[2].dataloader.dataset.data_root == str(c.parent)
    assert cfg.test_dataloader.dataset.data_root == str(tmp_path / "a")


def test_sets_of_one_name_are_told_apart_by_their_folders(make):
    first, second = make("x", "test"), make("y", "test")
    found = find_test_sets(config(first), [str(second)])
    assert [one.name for one in found] == [f"d test ({p.parent})" for p in (first, second)]
    assert found[0].slug != found[1].slug


def test_what_is_no_test_set(make, tmp_path):
    cfg = config(make("a", "test"))
    with pytest.raises(MissingDataError, match="No test set at 'gone': expected a config"):
        find_test_sets(cfg, ["gone"])
    path = make("b", "train", "val")
    with pytest.raises(MissingDataError, match=r"in the split 'test' \(it has train, val\): name"):
        find_test_sets(cfg, [str(path)])
    with pytest.raises(ConfigError, match="has no `test_dataloader` with an `ann_file`"):
        find_test_sets(Config({"model": {}}), [])


def test_a_few_clips_are_as_many_real_as_fake(make, tmp_path):
    [whole] = find_test_sets(config(make("a", "train", "test", note="kept")), [])
    few = limited(whole, 4, tmp_path / "subsets", 0)
    loaded = load_annotation(few.dataloader.dataset.ann_file)
    assert Path(few.dataloader.dataset.ann_file).is_absolute()
    assert few.dataloader.dataset.data_root == whole.dataloader.dataset.data_root
    assert sorted(row.label for row in loaded.rows) == [0, 0, 1, 1]
    assert {row.split for row in loaded.rows} == {"test"}
    assert loaded.metainfo["note"] == "kept"
    assert few.num_clips == 4
    assert whole.dataloader.dataset.ann_file == "annotation.json"
    again = limited(whole, 4, tmp_path / "subsets", 0)
    assert load_annotation(again.dataloader.dataset.ann_file) == loaded
    assert limited(whole, 100, tmp_path / "subsets", 0).num_clips == 8
