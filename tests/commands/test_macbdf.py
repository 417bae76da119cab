"""The command `macbdf`, and what a subcommand costs before there is anything to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.commands.macbdf import COMMANDS, main
from macbdf_mm.version import __version__

ROOT = Path(__file__).parents[2]
TOOLS = [p for p in (ROOT / "tools").glob("*.py") if "macbdf_mm.commands" in p.read_text()]
_HELP = """
import contextlib, io, sys
from macbdf_mm.commands.macbdf import COMMANDS, main
for words in (["--help"], *([name, "--help"] for name in COMMANDS)):
    sys.argv = ["macbdf", *words]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main()
    assert said.getvalue().startswith(f"usage: {' '.join(['macbdf', *words[:-1]])} ["), words
    assert "torch" not in sys.modules, words
"""


def run(*words, **arguments):
    command = [sys.executable, "-m", "macbdf_mm", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, **arguments)


def test_the_help_of_every_command_costs_no_torch():
    done = subprocess.run([sys.executable, "-c", _HELP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_module_is_a_command_with_a_line_of_help(monkeypatch, capsys):
    modules = {path.stem for path in (ROOT / "macbdf_mm" / "commands").glob("*.py")}
    assert modules - {"__init__", "macbdf"} == {name.replace("-", "_") for name in COMMANDS}
    monkeypatch.setattr(sys, "argv", ["macbdf", "--help"])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    assert all(f"\n  {name:17} {what}\n" in said for name, what in COMMANDS.items())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("trian",), "there is no command 'trian'; did you mean 'train'?"),
        (("x",), "there is no command 'x'; `macbdf --help` lists them"),
    ],
)
def test_a_word_that_is_no_command(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["macbdf", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_version(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["macbdf", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"macbdf_mm {__version__}\n")


def test_the_package_runs_as_a_module(tmp_path):
    done = run("train", "macbdf_dfcd", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Config 'macbdf_dfcd' does not exist, neither")
    assert "did you mean macbdf_dfdc or " in done.stderr
    wrong = run("predict", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("usage: macbdf predict [-h]")


@pytest.mark.parametrize(
    "tool",
    [path for path in (ROOT / "tools").glob("*.py") if "macbdf_mm.commands" in path.read_text()],
    ids=lambda path: path.stem,
)
def test_a_tool_of_the_clone_is_nothing_but_a_command(tool):
    lines = tool.read_text().splitlines()
    assert len(lines) == 9
    command = lines[0].split("`")[1].removeprefix("macbdf ")
    assert lines[5] == f"from macbdf_mm.commands.{command.replace('-', '_')} import main"
    assert command in COMMANDS
