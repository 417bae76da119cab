"""Wrong inputs of the commands on score files are said at once, and nothing is written over."""

import runpy
import sys
from pathlib import Path

import pytest

from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores

TOOLS = Path(__file__).parents[2] / "tools"
FEW = ("--num-resamples", "2")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(tool, *arguments):
        monkeypatch.setattr(sys, "argv", [tool, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(TOOLS / f"{tool}.py"), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    return call


def write(path, shift=0.0):
    videos = [
        VideoScores(
            file=f"{number}.mp4",
            scores=dict.fromkeys(("overall", "video", "audio"), shift + number / 20),
            labels=dict.fromkeys(("overall", "video", "audio"), number % 2),
            groups={"identity": str(number)},
        )
        for number in range(12)
    ]
    write_scores(ScoreSet(videos, dict.fromkeys(("overall", "video", "audio"), 0.5)), path)


def test_files_of_one_name_do_not_overwrite_the_tables_of_each_other(run, tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / "test_scores.jsonl")
    code, _, err = run(
        "score_tables", "a/test_scores.jsonl", "b/test_scores.jsonl", "--out", "out", *FEW
    )
    assert code == 0, err
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders == ["a-test_scores", "b-test_scores"]


def test_tables_are_not_begun_where_an_input_is_wrong(run, tmp_path):
    write(tmp_path / "a.jsonl")
    (tmp_path / "out").write_text("a file")
    code, out, err = run("score_tables", "a.jsonl", "gone.jsonl", "--out", "out", *FEW)
    assert code == 1
    assert out == ""
    assert "No score file at 'gone.jsonl'" in err
    assert "out/a/tables.json cannot be written (not a directory)" in err


def test_a_comparison_names_all_that_is_wrong(run, tmp_path):
    write(tmp_path / "a.jsonl")
    (tmp_path / "c.json").mkdir()
    code, out, err = run("compare", "gone.jsonl", "a.jsonl", "lost.jsonl", "--json", "c.json", *FEW)
    assert code == 1
    assert out == ""
    assert err.startswith("error: 3 inputs are wrong: (1) No score file at 'gone.jsonl'")
    assert "'lost.jsonl'" in err
    assert "c.json cannot be written (is a directory)" in err


def test_an_output_that_cannot_be_written_is_said_before_the_work(run, tmp_path):
    write(tmp_path / "a.jsonl")
    (tmp_path / "x.jsonl").mkdir()
    code, _, err = run("import_scores", "gone.csv", "gone.json", "x.jsonl")
    assert code == 1
    assert "x.jsonl cannot be written (is a directory)" in err
    code, _, err = run(
        *("make_submission", "a.jsonl", "--layout", "lavdf"),
        *("--localisation", "o.json", "--detection", "x.jsonl"),
    )
    assert code == 1
    assert "x.jsonl cannot be written" in err
    assert not (tmp_path / "o.json").exists()


def test_clips_of_another_split_are_not_said_to_be_unknown(run, tmp_path):
    rows = [ClipRow(f"{split}.mp4", 1, 1, 1, split=split) for split in ("train", "test")]
    save_annotation(tmp_path / "a.json", {"dataset": "tiny"}, rows)
    (tmp_path / "s.csv").write_text("path,score\ntest.mp4,0.5\ntrain.mp4,0.5\n")
    code, out, err = run("import_scores", "s.csv", "a.json", "x.jsonl", "--split", "test")
    assert code == 0, err
    assert "1 path of the table names no clip of the split test: train.mp4" in out


def test_a_submission_with_a_file_without_a_score_is_refused_before_anything_is_written(
    run, tmp_path
):
    write(tmp_path / "a.jsonl", shift=float("nan"))
    code, _, err = run(
        *("make_submission", "a.jsonl", "--layout", "lavdf"),
        *("--localisation", "o.json", "--detection", "d.txt"),
    )
    assert code == 1
    assert "12 files of 12 have no overall score" in err
    assert "--missing as-real or --missing as-fake" in err
    assert not (tmp_path / "o.json").exists()


def test_one_file_given_twice_is_refused_with_what_to_do(run, tmp_path):
    write(tmp_path / "a.jsonl")
    code, _, err = run("compare", "a.jsonl", "a.jsonl", *FEW)
    assert code == 1
    assert "two or more detectors of different names, got a.jsonl, a.jsonl: give each score" in err
    code, _, err = run("score_tables", "a.jsonl", "--by", "gendre", *FEW)
    assert code == 1
    assert "has no column 'gendre' for --by; it has identity." in err
