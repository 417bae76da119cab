import re
from pathlib import Path

import pytest
from mmengine.config import Config

from macbdf_mm.apis.test_sets import find_test_sets, limited
from macbdf_mm.apis.wrong_inputs import WrongInputsError
from macbdf_mm.datasets import ClipRow, load_annotation, save_annotation
from macbdf_mm.errors import ConfigError, MissingDataError

TYPE = "AudioVisualForgeryDataset"
PIPELINE = [dict(type="SampleClipSpan", span_seconds=0.64)]


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
        for row in rows:
            (path.parent / row.file).touch()
        return path

    return write


def config(path, **dataset):
    leaf = dict(type=TYPE, data_root=str(path.parent), ann_file=path.name, split="test", **dataset)
    return Config({"test_dataloader": {"batch_size": 2, "dataset": leaf}})


def test_folders_annotations_and_configs(make, tmp_path):
    cfg = config(make("a", "test", name="a", synthetic=True), pipeline=PIPELINE)
    b, c = make("b", "val", "test", name="b"), make("c", "train", name="c")
    other = tmp_path / "other.py"
    other.write_text(
        f"test_dataloader = dict(dataset=dict(datasets=[dict(type={TYPE!r}, "
        f"data_root={str(b.parent)!r}, ann_file='annotation.json', split='val'), "
        f"dict(type={TYPE!r}, data_root={str(c.parent)!r}, ann_file='annotation.json')]))"
    )
    found = find_test_sets(cfg, [str(b.parent), f"{c}:train", str(other)])
    assert [one.name for one in found] == ["a test", "b test", "c train", "b val + c"]
    assert [one.dataset for one in found] == ["a", "b", "c", "b + c"]
    assert [one.num_clips for one in found] == [8, 8, 8, 16]
    assert [one.is_synthetic for one in found] == [True, False, False, False]
    assert [one.slug for one in found] == ["a-test", "b-test", "c-train", "b-val-c"]
    assert found[3].annotations == (b, c)
    # Read as the config reads its own.
    assert found[2].dataloader.dataset.pipeline == PIPELINE
    assert found[2].dataloader.dataset.data_root == str(c.parent)
    assert cfg.test_dataloader.dataset.data_root == str(tmp_path / "a")


def test_a_set_that_is_named_again_is_evaluated_once(make, monkeypatch, tmp_path):
    own, other = make("a", "test"), make("b", "test")
    cfg = config(own, pipeline=PIPELINE)
    monkeypatch.chdir(tmp_path)
    found = find_test_sets(cfg, ["b", "a", f"{own}:test", str(other.parent)])
    assert [one.annotations for one in found] == [(own,), (Path("b/annotation.json"),)]


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


def test_all_that_is_wrong_is_said_at_once(make, tmp_path):
    """A missing test set of the config must not hide that a further one is wrong."""
    cfg = config(tmp_path / "nowhere" / "annotation.json")
    good, lacking = make("good", "test"), make("lacking", "test", name="lacking")
    (lacking.parent / "test_3.mp4").unlink()
    other = tmp_path / "other.py"
    other.write_text(
        f"test_dataloader = dict(dataset=dict(type={TYPE!r}, data_root={str(good.parent)!r}, "
        "ann_file='annotation.json', pipeline=[dict(type='SampleClipSpam')]))"
    )
    with pytest.raises(WrongInputsError) as caught:
        find_test_sets(cfg, ["gone", str(good), f"{good}:val", str(lacking), str(other)])
    said = caught.value.sentences
    assert len(said) == 5
    patterns = ("nowhere", "No test set at 'gone'", "split 'val'", r"1 of 8 .*test_3\.mp4", "Spam")
    for sentence, pattern in zip(said, patterns, strict=True):
        assert re.search(pattern, sentence), sentence
    assert str(caught.value).startswith("5 inputs are wrong: (1) ")
    assert "(5) " in str(caught.value)


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
