from pathlib import Path

import pytest

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.installed_configs import config_file, installed_configs, title_of
from macbdf_mm.errors import MissingDataError

CONFIGS = Path(__file__).parents[2] / "configs"


def test_every_config_but_the_bases_has_a_name():
    names = list(installed_configs())
    paths = [path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts]
    assert sorted(names) == sorted(
        path.relative_to(CONFIGS).with_suffix("").as_posix() for path in paths
    )
    nested = ["/" in name for name in names]
    assert nested == sorted(nested)


@pytest.mark.parametrize("name", ["macbdf_dfdc", "macbdf_dfdc.py", Path("macbdf_dfdc")])
def test_a_name_stands_for_its_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_file(name) == CONFIGS / "macbdf_dfdc.py"


def test_a_file_of_that_name_comes_first_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "macbdf_demo").mkdir()
    assert config_file("macbdf_demo") == CONFIGS / "macbdf_demo.py"
    (tmp_path / "macbdf_dfdc").touch()
    assert config_file("macbdf_dfdc") == Path("macbdf_dfdc")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("macbdf_dfcd", "macbdf_dfdc"),
        ("configs/macbdf_lavdf.py", "macbdf_lavdf"),
        ("without_weights", "ablations/without_weights or ablations/dfdc/without_weights"),
    ],
)
def test_an_unknown_name_brings_those_that_are_near(name, near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataError, match=rf"'{name}' does not exist.*did you mean .*{near}"):
        config_file(name)


def test_a_name_like_no_other_says_where_the_names_are():
    with pytest.raises(MissingDataError, match=r"with the package: `macbdf config` lists them"):
        config_file("0815")


def test_a_variant_inherits_from_an_installed_config(tmp_path):
    variant = tmp_path / "mine.py"
    variant.write_text(
        f"_base_ = [{str(config_file('macbdf_demo'))!r}]\ntrain_cfg = dict(max_epochs=77)\n"
    )
    cfg = load_config(variant)
    assert (cfg.train_cfg.max_epochs, cfg.model.type) == (77, "MACBDF")


def test_the_title_is_the_first_clause_of_the_comment(tmp_path):
    path = tmp_path / "c.py"
    for text, title in (
        ("# One\n# two: three.\nx = 1\n", "One two"),
        ("# One. Two.\n", "One"),
        ("x = 1  # one\n", ""),
    ):
        path.write_text(text)
        assert title_of(path) == title
