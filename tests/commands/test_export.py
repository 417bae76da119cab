"""`macbdf export`, and the commands that take what it wrote."""

import sys

import pytest

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.apis.release import check_release
from macbdf_mm.commands import evaluate, export, predict


def run(monkeypatch, command, *words):
    monkeypatch.setattr(sys, "argv", ["macbdf x", *map(str, words)])
    return run_command(command.main)


@pytest.mark.parametrize("how", ["a run", "a checkpoint", "config and checkpoint"])
def test_what_is_exported(monkeypatch, capsys, run_dir, tmp_path, how):
    config, checkpoint = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    words = {
        "a run": (run_dir,),
        "a checkpoint": (checkpoint,),
        "config and checkpoint": (config, checkpoint, "--cfg-options", "randomness.seed=77"),
    }[how]
    out = tmp_path / "release"
    assert run(monkeypatch, export, *words, "--out", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    check_release(out)
    assert ("seed=77" in (out / "config.py").read_text()) == (how == "config and checkpoint")


def test_a_release_predicts_and_a_damaged_one_does_not(
    monkeypatch, capsys, run_dir, make_clip, tmp_path
):
    out = tmp_path / "release"
    assert run(monkeypatch, export, run_dir, "--out", out) == 0
    clip = make_clip("clip.mp4", seconds=1.5)
    words = ("--checkpoint", out, clip, "--device", "cpu", "--num-workers", 0)
    assert run(monkeypatch, predict, *words) == 0
    assert f"Using {out / 'model.safetensors'}\n{clip}: " in capsys.readouterr().out
    with (out / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert run(monkeypatch, predict, *words) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: Release '{out}': 'model.safetensors' differs from its")
    assert said.err.count("\n") == 1


def test_one_file_takes_no_options_of_a_release(monkeypatch, capsys, run_dir, tmp_path):
    with pytest.raises(SystemExit):
        run(monkeypatch, export, run_dir, "--out", tmp_path / "w.pth", "--format=weights", "--half")
    assert "--half and --onnx are for a release" in capsys.readouterr().err


def test_test_sets_stand_right_behind_a_release(monkeypatch, run_dir, tmp_path):
    out = tmp_path / "release"
    assert run(monkeypatch, export, run_dir, "--out", out) == 0
    monkeypatch.setattr(sys, "argv", ["macbdf evaluate", str(out), "data/a", "--limit=9", "data/b"])
    arguments = evaluate.parse_arguments()
    assert arguments.data == ["data/a", "data/b"]
    assert arguments.checkpoint == out / "model.safetensors"
    assert str(arguments.out) == "work_dirs/release/evaluation"
    # With a config of one's own, too, nothing is written into the release.
    monkeypatch.setattr(sys, "argv", ["macbdf evaluate", "macbdf_demo", str(out), "data/a"])
    assert str(evaluate.parse_arguments().out) == "work_dirs/release/evaluation"


def test_a_config_still_needs_its_checkpoint(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["macbdf evaluate", "macbdf_demo", "--limit=9", "w.pth", "d"])
    arguments = evaluate.parse_arguments()
    assert (str(arguments.checkpoint), arguments.data) == ("w.pth", ["d"])
    monkeypatch.setattr(sys, "argv", ["macbdf evaluate", "macbdf_demo"])
    with pytest.raises(SystemExit):
        evaluate.parse_arguments()
    assert "required: checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["gone"], 2, "--out"),
        (["gone", "--out", "o"], 1, "'gone' does not exist"),
        ([".", "--out", "o"], 1, "has saved no checkpoint yet"),
        (["gone", "--out", "o", "--format", "onxn"], 1, "'gone' does not exist"),
        (["gone", "--out", "o", "--format", "onnx", "--half"], 2, "so expected no --format"),
    ],
)
def test_wrong_inputs_are_said(macbdf, tmp_path, words, code, sentence):
    found, _, err = macbdf("export", *words)
    assert found == code
    assert sentence in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
