from pathlib import Path

import pytest
from mmengine.config import Config

from macbdf_mm.apis.config_variables import (
    dotted,
    ignored_variables,
    places_made_from,
    variable_places,
)

ENTRIES = ["model", "train_dataloader", "custom_hooks"]
BASE = """
size = 1
name = "a"
unused = 5
model = dict(type="Net", width=2 * size, label=name)
train_dataloader = dict(batch_size=size, steps=[dict(n=0), dict(n=size)])
"""


@pytest.fixture
def files(tmp_path):
    """Return a writer of config files by name."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        return tmp_path / f"{name}.py"

    return write


def test_places_are_those_that_another_value_changes(files):
    found = places_made_from(files(base=BASE), "size", 3)
    assert {dotted(place): old for place, old in found.items()} == {
        "model.width": 2,
        "train_dataloader.batch_size": 1,
        "train_dataloader.steps.1.n": 1,
    }


def test_a_list_of_another_length_is_one_place(files):
    path = files(base="n = 2\nmodel = dict(parts=[0] * n)\n")
    assert places_made_from(path, "n", 3) == {("model", "parts"): [0, 0]}


@pytest.mark.parametrize("value", ["text", None, object()])
def test_a_value_that_the_file_cannot_work_with_gives_no_places(files, value):
    path = files(base="n = 2\nmodel = dict(parts=list(range(n)))\n")
    assert places_made_from(path, "n", value) == {}


def test_a_file_that_cannot_be_run_gives_no_places(files):
    assert places_made_from(files(base="model = dict(\n"), "n", 1) == {}
    assert places_made_from(files(base="n = 1\nraise SystemError(n)\n"), "n", 2) == {}


def ignored(path):
    cfg = Config.fromfile(str(path))
    return list(ignored_variables(cfg, path, ENTRIES))


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("", []),
        ("size = 1", []),
        ("unused = 6", []),  # Nothing was made from it.
        ("other = 6", []),
        (
            "size = 3",
            [
                (
                    "size",
                    ["model.width", "train_dataloader.batch_size", "train_dataloader.steps.1.n"],
                    [],
                )
            ],
        ),
        (
            "size = 3\nmodel = dict(width=6)",
            [
                (
                    "size",
                    ["train_dataloader.batch_size", "train_dataloader.steps.1.n"],
                    ["model.width"],
                )
            ],
        ),
        ("name = 'b'\nmodel = dict(label=name)", []),
    ],
)
def test_variables_that_a_child_changes_to_no_effect(files, child, expected):
    path = files(base=BASE, child=f"_base_ = ['./base.py']\n{child}\n")
    assert ignored(path) == expected


def test_bases_of_bases_are_looked_at(files):
    path = files(
        base=BASE,
        middle="_base_ = ['./base.py']\ndepth = 2\ncustom_hooks = [depth]\n",
        child="_base_ = ['./middle.py']\nsize = 4\ndepth = 3\n",
    )
    assert {name: kept for name, kept, _ in ignored(path)} == {
        "depth": ["custom_hooks.0"],
        "size": ["model.width", "train_dataloader.batch_size", "train_dataloader.steps.1.n"],
    }


def test_no_config_of_the_project_changes_a_variable_to_no_effect():
    configs = Path(__file__).parents[2] / "configs"
    for path in sorted(configs.glob("*.py")):
        cfg = Config.fromfile(str(path))
        entries = [*ENTRIES, "val_dataloader", "test_dataloader", "train_cfg", "param_scheduler"]
        assert list(ignored_variables(cfg, path, entries)) == [], path


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("size", ["model.width", "train_dataloader.batch_size", "train_dataloader.steps.1.n"]),
        ("name", ["model.label"]),
        ("unused", []),
        ("nowhere", []),
    ],
)
def test_what_was_made_from_a_variable(files, name, places):
    path = files(base=BASE, child="_base_ = ['./base.py']\n")
    cfg = Config.fromfile(str(path))
    assert variable_places(cfg, path, name, ENTRIES) == places
