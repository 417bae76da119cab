"""What `macbdf serve` refuses before it loads a model; tests/serving has the rest."""

import importlib.util
import sys

import pytest

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.commands import serve
from macbdf_mm.serving.settings import TOKEN_VARIABLE


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["macbdf serve", *map(str, words)])
    return run_command(serve.main)


needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("fastapi") is None, reason="needs the extra `serve`"
)


@needs_extra
def test_an_extra_that_is_missing(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    assert run(monkeypatch) == 1
    assert capsys.readouterr().err == (
        "error: `macbdf serve` needs uvicorn, which is not installed: "
        "pip install 'macbdf_mm[serve]'.\n"
    )


@needs_extra
def test_it_does_not_start_for_others_without_a_token(monkeypatch, capsys):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert run(monkeypatch, "--host", "0.0.0.0") == 1
    assert "Other machines can reach '0.0.0.0'" in capsys.readouterr().err
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    assert run(monkeypatch) == 1
    assert "at least 16 characters" in capsys.readouterr().err


@needs_extra
def test_a_run_that_is_not_there(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert run(monkeypatch, tmp_path, "--port", "0") == 1
    assert f"The run at '{tmp_path}' has saved no checkpoint yet." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "a.py"], "--config needs RUN"),
        (["--queue", "-1"], "argument --queue: expected a number >= 0, got -1"),
        (["--max-seconds", "0"], "expected a number > 0, got 0"),
        (["--num-workers", "x"], "invalid int value: 'x'"),
    ],
)
def test_wrong_arguments(monkeypatch, capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
