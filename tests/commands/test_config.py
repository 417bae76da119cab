import sys

import pytest

from macbdf_mm.apis.installed_configs import config_file, installed_configs
from macbdf_mm.commands import config


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["macbdf config", *words])
    config.main()
    return capsys.readouterr().out


def test_without_a_name_the_configs_are_listed(monkeypatch, capsys):
    lines = run(monkeypatch, capsys).splitlines()
    assert [line.split()[0] for line in lines] == list(installed_configs())
    [line] = [line for line in lines if line.startswith("macbdf_demo ")]
    assert line.endswith("  The synthetic demo data with the smallest model")


def test_a_name_is_printed_as_one_config_that_can_be_read(monkeypatch, capsys, tmp_path):
    text = run(monkeypatch, capsys, "macbdf_demo", "--cfg-options", "train_cfg.max_epochs=77")
    values = {}
    exec(text, values)
    assert values["model"]["type"] == "MACBDF"
    assert values["train_cfg"]["max_epochs"] == 77
    assert "_base_" not in values


def test_the_path_is_that_of_the_file(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "macbdf_demo", "--path").strip() == str(
        config_file("macbdf_demo")
    )


def test_options_need_a_config(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, capsys, "--path")
    assert "--path and --cfg-options need a config" in capsys.readouterr().err
