from pathlib import Path

import pytest
from mmengine.config import Config

from macbdf_mm.apis.plain_config import is_plain_config, read_plain_config
from macbdf_mm.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", ["macbdf_demo.py", "macbdf_dfdc.py"])
def test_a_saved_config_is_read_as_the_runner_saved_it(name, tmp_path):
    config = Config.fromfile(str(CONFIGS / name))
    config.dump(str(tmp_path / name))
    assert is_plain_config(tmp_path / name)
    read = read_plain_config((tmp_path / name).read_text(), "here")
    assert read.to_dict() == Config.fromfile(str(tmp_path / name)).to_dict()


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "a = __import__('os')",
        "a = dict(b=[open('x', 'w')])",
        "a = [b for b in 'ab']",
        "a = 'x'.format(1)",
        "a = dict(**{'b': exit()})",
        "a[0] = 1",
        "_base_ = 'other.py'",
        "a = " + "[" * 5000,
        "a = 1;" + "(" * 50,
    ],
)
def test_code_is_refused(text, tmp_path):
    (tmp_path / "a.py").write_text(text)
    assert not is_plain_config(tmp_path / "a.py")
    with pytest.raises(
        ConfigError, match=r"The config in 'x' is code, not plain values .* --config"
    ):
        read_plain_config(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "model = dict(type='subprocess.Popen', args=['true'])",
        "model = dict(type='mmengine.dump', obj='', file='x')",
        "model = dict(neck=[dict(type='this')])",
        "test_dataloader = dict(dataset=dict(pipeline=[dict(type='os.system')]))",
        "model = dict(type='MACBDF', _scope_='this')",
        "custom_imports = dict(imports=['this'])",
        "custom_imports = dict(imports='this')",
        "default_scope = 'this'",
    ],
)
def test_parts_that_are_not_registered_are_refused(text):
    with pytest.raises(ConfigError, match="name it with --config"):
        read_plain_config(text, "x")


@pytest.mark.parametrize(
    "name", ["MACBDF", "macbdf_mm.MACBDF", "mmaction.Recognizer3D", "ConcatDataset"]
)
def test_registered_parts_are_taken(name):
    assert read_plain_config(f"model = dict(type='{name}')", "x").model.type == name
