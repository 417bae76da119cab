"""What `macbdf predict` writes as it goes; tests/integration/test_predict_tool.py has the rest."""

import json
import sys

import pytest

from macbdf_mm.apis import score_files
from macbdf_mm.apis.command_line import run_command
from macbdf_mm.commands import predict


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["macbdf predict", *map(str, words)])
    return run_command(predict.main)


def test_lines_are_there_when_the_next_file_is_begun(monkeypatch, run_dir, make_clip, tmp_path):
    first, second = make_clip("a.mp4", seconds=1.5), make_clip("b.mp4", seconds=1.5)
    out = tmp_path / "out.jsonl"
    score = score_files.FileScorer.__call__

    def stop_at_the_second(scorer, file):
        if file == str(second):
            assert [json.loads(line)["file"] for line in out.read_text().splitlines()] == [
                str(first)
            ]
            raise KeyboardInterrupt
        return score(scorer, file)

    monkeypatch.setattr(score_files.FileScorer, "__call__", stop_at_the_second)
    words = (first, second, "--checkpoint", run_dir / "best_epoch_1.pth", "--jsonl", out)
    assert run(monkeypatch, *words, "--device", "cpu", "--num-workers", 0) == 130
    [line] = out.read_text().splitlines()
    assert json.loads(line)["scores"]["overall"] is not None


@pytest.mark.parametrize("flag", ["--json", "--jsonl"])
def test_a_file_that_cannot_be_written_is_refused_before_the_model_is_looked_for(
    monkeypatch, capsys, tmp_path, flag
):
    (tmp_path / "file").touch()
    words = ("a.mp4", "--checkpoint", "none.pth", flag, tmp_path / "file" / "out")
    assert run(monkeypatch, *words) == 1
    assert f"error: {tmp_path}/file/out cannot be written" in capsys.readouterr().err
