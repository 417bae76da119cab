import pytest
from mmengine.config import Config

from macbdf_mm.apis.refuse_leaks import refuse_leaks
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError

TRAIN = [ClipRow("real.mp4", 0, split="train"), ClipRow("other.mp4", 0, split="train")]
FAKE = ClipRow("fake.mp4", 1, split="test", source="real.mp4")
CLEAN = ClipRow("clean.mp4", 1, split="test", source="else.mp4")


@pytest.fixture
def make(tmp_path):
    """Write annotations by folder and name, and return a config that uses them."""

    def loader(where, split, **options):
        folder, name = where.split("/")
        place = dict(ann_file=name, data_root=str(tmp_path / folder))
        return dict(dataset=dict(type="AudioVisualForgeryDataset", split=split, **place, **options))

    def make(files, train, test, **options):
        for where, rows in files.items():
            metainfo = {"dataset": "d", "split_protocol": {"name": "paper-80-20"}}
            save_annotation(tmp_path / where, metainfo, rows)
        return Config(
            dict(
                train_dataloader=loader(*train, **options),
                test_dataloader=loader(*test),
            )
        )

    return make


def test_two_annotations_of_the_same_files(make):
    files = {"d/train.json": TRAIN, "d/test.json": [CLEAN, FAKE]}
    cfg = make(files, ("d/train.json", "train"), ("d/test.json", "test"))
    with pytest.raises(
        ConfigError,
        match=r"train\.json and .*test\.json: 'real\.mp4' is in 'train' and 'fake\.mp4' in 'test'",
    ):
        refuse_leaks(cfg)
    cfg.train_dataloader.dataset.allow_leak = "paper-80-20"
    refuse_leaks(cfg)


def test_training_on_all_parts_of_an_annotation(make):
    cfg = make({"d/a.json": [*TRAIN, CLEAN]}, ("d/a.json", None), ("d/a.json", "test"))
    with pytest.raises(ConfigError, match=r"a\.json: 'clean\.mp4' is in 'train' and 'clean\.mp4'"):
        refuse_leaks(cfg)


def test_equal_names_in_other_folders_are_other_files(make):
    files = {"d/a.json": TRAIN, "e/a.json": [FAKE, *TRAIN]}
    refuse_leaks(make(files, ("d/a.json", "train"), ("e/a.json", None)))


def test_a_prefix_tells_files_apart_and_a_wrapper_does_not_hide_them(make):
    files = {"d/a.json": TRAIN, "d/b.json": [FAKE]}
    cfg = make(files, ("d/a.json", "train"), ("d/b.json", "test"), data_prefix=dict(file="crops"))
    refuse_leaks(cfg)
    cfg.train_dataloader.dataset.pop("data_prefix")
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type="RepeatDataset",
        dataset=dict(type="ConcatDataset", datasets=[dict(inner, type="macbdf_mm." + inner.type)]),
    )
    with pytest.raises(ConfigError, match="such leaks in all"):
        refuse_leaks(cfg)


def test_other_data_sets_and_absent_test_data_are_left_out(make):
    cfg = make({"d/a.json": TRAIN}, ("d/a.json", "train"), ("d/gone.json", "test"))
    cfg.val_dataloader = dict(dataset=dict(type="ToyDataset", num_clips=3))
    refuse_leaks(cfg)
    cfg.train_dataloader = cfg.val_dataloader
    refuse_leaks(cfg)
    cfg = make({}, ("d/gone.json", "train"), ("d/gone.json", "test"))
    with pytest.raises(MissingDataError, match=r"gone\.json"):
        refuse_leaks(cfg)


def test_training_asks(make):
    cfg = make({"d/a.json": TRAIN}, ("d/a.json", "train"), ("d/a.json", "train"))
    cfg.merge_from_dict({"model": {}, "train_cfg": {}, "optim_wrapper": {"constructor": "Mine"}})
    cfg.merge_from_dict({"test_cfg": {}, "test_evaluator": []})
    with pytest.raises(ConfigError, match=r"'real\.mp4' is in 'train' and 'real\.mp4' in 'test'"):
        train_model(cfg)


def test_data_sets_inside_of_a_pipeline_are_trained_on_too(make):
    files = {"d/a.json": [*TRAIN, ClipRow("else.mp4", 0, split="test")]}
    cfg = make(files, ("d/a.json", "train"), ("d/a.json", "test"))
    refuse_leaks(cfg)
    lenders = {key: value for key, value in cfg.train_dataloader.dataset.items() if key != "split"}
    cfg.train_dataloader.dataset.pipeline = [dict(type="ForgeRealClip", donors=lenders)]
    with pytest.raises(ConfigError, match=r"'else\.mp4' is in 'train' and 'else\.mp4' in 'test'"):
        refuse_leaks(cfg)
