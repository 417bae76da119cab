import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope

from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.datasets.concat_dataset import ConcatDataset
from macbdf_mm.datasets.seeding import DrawnIndex
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import DATASETS, build_part


@pytest.fixture
def make_config(tmp_path):
    """A function that writes an annotation and returns the config of a data set of it."""

    def make(name, num_clips, **metainfo):
        root = tmp_path / name
        root.mkdir()
        rows = [ClipRow(f"{index}.mp4", index % 2, 0, index % 2) for index in range(num_clips)]
        save_annotation(root / "annotation.json", {"dataset": name, **metainfo}, rows)
        return dict(
            type="AudioVisualForgeryDataset",
            ann_file="annotation.json",
            data_root=str(root),
            check_files=False,
        )

    return make


@pytest.mark.parametrize("scope", ["macbdf_mm", "mmengine"])
def test_it_is_found_under_its_name(make_config, scope):
    configs = [make_config("one", 3), make_config("two", 2)]
    name = "ConcatDataset" if scope == "macbdf_mm" else "macbdf_mm.ConcatDataset"
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(dict(type=name, datasets=configs))
    assert isinstance(dataset, ConcatDataset)
    assert [dataset.get_data_info(index)["file"] for index in range(len(dataset))] == [
        "0.mp4", "1.mp4", "2.mp4", "0.mp4", "1.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize("lazy", [False, True])
def test_its_meta_information_is_that_of_all(make_config, lazy):
    configs = [
        make_config("one", 1, licence="A", synthetic=False, rate=25),
        make_config("two", 1, licence="B", synthetic=True, rate=25),
        make_config("three", 1, licence="A", rate=25),
    ]
    dataset = ConcatDataset([{**config, "lazy_init": lazy} for config in configs], lazy)
    dataset.full_init()
    assert dataset.metainfo == {
        "dataset": "one + two + three", "version": 1, "synthetic": True, "rate": 25,
    }  # fmt: skip


def test_one_name_stands_once_and_what_none_says_is_not_said(make_config):
    config = make_config("one", 2)
    dataset = ConcatDataset([config, dict(config)])
    assert dataset.metainfo == {"dataset": "one", "version": 1}


def test_data_sets_of_others_may_stand_beside(make_config):
    class Foreign(BaseDataset):
        METAINFO = dict(classes=np.array(["a", "b"]))

        def load_data_list(self):
            return [{"file": "x"}]

    ours = build_part(DATASETS, make_config("one", 1))
    assert ConcatDataset([ours, Foreign()]).metainfo == {"dataset": "one"}
    merged = ConcatDataset([Foreign(), Foreign()]).metainfo
    assert list(merged) == ["classes"]
    assert merged["classes"].tolist() == ["a", "b"]


@pytest.mark.parametrize("datasets", [[], {"type": "AudioVisualForgeryDataset"}, "dfdc"])
def test_what_is_no_list_of_data_sets_is_refused(datasets):
    with pytest.raises(ConfigError, match="list of data sets `datasets`, got "):
        ConcatDataset(datasets)


def test_turns_reach_the_data_sets_inside(make_config):
    parts = [
        AudioVisualForgeryDataset(**{k: v for k, v in make_config(name, 2).items() if k != "type"})
        for name in ("one", "two")
    ]
    for part in parts:
        part.pipeline = lambda info: {**info, "draw": np.random.random()}
    both = ConcatDataset(parts)
    draws = [both[DrawnIndex(3, turn)]["draw"] for turn in (0, 1, 1)]
    assert draws[0] == both[3]["draw"] == parts[1][1]["draw"]
    assert draws[1] == draws[2] == parts[1][DrawnIndex(1, 1)]["draw"] != draws[0]
    assert type(both[DrawnIndex(3, 1)]["sample_idx"]) is int
