"""The page on predictions against the code."""

import re
import sys
from pathlib import Path

import pytest

from macbdf_mm.commands import predict

PAGE = (Path(__file__).parents[2] / "docs" / "predict.md").read_text()


def test_the_python_examples_score_files(run_dir, make_clip, tmp_path, monkeypatch, capsys):
    for name in ("a.mp4", "folder/b.mp4", "clips/c.mp4"):
        make_clip(name, seconds=1.3)
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"config": run_dir / "macbdf_demo.py", "checkpoint": run_dir / "best_epoch_1.pth"}
    exec(first, names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["a.mp4", "folder/b.mp4"]
    assert [item["file"] for item in names["predictions"]] == [
        *("a.mp4", "folder/b.mp4", "clips/c.mp4")
    ]
    assert [item["status"] for item in names["predictions"]] == ["ok"] * 3
    exec(f"import numpy\n{second}", names)
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == ["<bytes 1>", "a.mp4"]
    assert last == "mine ok"


def test_every_option_is_on_the_page(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["macbdf predict", "--help"])
    with pytest.raises(SystemExit):
        predict.parse_arguments()
    options = set(re.findall(r"--[a-z][\w-]+", capsys.readouterr().out))
    assert not options - {"--help"} - set(re.findall(r"--[a-z][\w-]+", PAGE))


def test_every_key_of_a_prediction_has_its_row():
    from macbdf_mm.apis.prediction import Prediction

    table = PAGE.split("\n| key | value |")[1].split("\n\n")[0]
    named = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line[:30])}
    assert set(Prediction.__dataclass_fields__) <= named
