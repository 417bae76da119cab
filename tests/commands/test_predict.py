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
    # The same command goes on, also behind half a line.
    out.write_text(f"{line}\n{line[:50]}")
    monkeypatch.setattr(score_files.FileScorer, "__call__", score)
    assert run(monkeypatch, *words, "--device", "cpu") == 0
    lines = out.read_text().splitlines()
    assert [json.loads(text)["file"] for text in lines] == [str(first), str(second)]
    assert lines[0] == line


@pytest.fixture
def predict_lines(monkeypatch, run_dir, tmp_path, capsys):
    """Return a function that scores files into ``out.jsonl``: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    model = ("--checkpoint", run_dir / "best_epoch_1.pth", "--device", "cpu")

    def score(*words):
        code = run(monkeypatch, *words, *model, "--jsonl", "out.jsonl")
        return code, *capsys.readouterr()

    return score


def files_in(path):
    return [json.loads(line)["file"] for line in path.read_text().splitlines()]


def test_patterns_and_lists_name_files(predict_lines, make_clip, tmp_path):
    make_clip("a.mp4", seconds=1.3)
    make_clip("deep/b.mp4", seconds=1.3)
    (tmp_path / "list").write_text("none.mp4\n\ndeep\n")
    code, said, _ = predict_lines("*.mp4", "--files-from", "list")
    assert code == 1
    assert files_in(tmp_path / "out.jsonl") == ["a.mp4", "none.mp4", "deep/b.mp4"]
    assert said.splitlines()[-1].startswith("3 files: ")
    assert "1 not scored" in said
    # What stands there counts as it did.
    code, said, _ = predict_lines("*.mp4", "--files-from", "list")
    assert code == 1
    assert said.splitlines()[1] == "out.jsonl has the scores of 3 files already."
    assert len(said.splitlines()) == 3
    assert len(files_in(tmp_path / "out.jsonl")) == 3


def test_lines_of_other_options_are_one_sentence(predict_lines, make_clip, tmp_path):
    make_clip("a.mp4", seconds=1.3)
    assert predict_lines("a.mp4")[0] == 0
    before = (tmp_path / "out.jsonl").read_bytes()
    code, _, error = predict_lines("a.mp4", "--allow-partial")
    assert (code, error.count("\n")) == (1, 1)
    assert "made with other weights, another config or other options" in error
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert predict_lines("a.mp4", "--allow-partial", "--no-resume")[0] == 0
    # Batches of another size give the same scores.
    assert predict_lines("a.mp4", "--allow-partial", "--batch-size", 3)[0] == 0


def test_shards_of_lines(predict_lines, tmp_path):
    names = [f"{k}.mp4" for k in range(6)]
    for index in (1, 2):
        assert predict_lines(*names, "--shard", f"{index}/2")[0] == 1
    _, said, _ = predict_lines(*names, "7.mp4")
    assert "has the scores of 6 files already" in said
    assert sorted(files_in(tmp_path / "out.jsonl")) == sorted([*names, "7.mp4"])


def test_a_full_disk_is_one_sentence(monkeypatch, capsys, run_dir):
    words = ("a.mp4", "--checkpoint", run_dir / "best_epoch_1.pth", "--jsonl", "/dev/full")
    assert run(monkeypatch, *words, "--device", "cpu") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "/dev/full cannot be written (no space left on device)" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a FILE to score, or --files-from LIST"),
        (["a.mp4", "--shard", "1/2"], "need --json OUT or --jsonl OUT"),
        (["a.mp4", "--resume"], "need --json OUT or --jsonl OUT"),
        (["a.mp4", "--batch-size", "0"], "expected a number > 0, got 0"),
        (["a.mp4", "--shard", "3/2"], "Expected a shard I/N"),
        (["a.mp4", "--json", "x", "--jsonl", "./x"], "--json and --jsonl name the same file"),
        (["a.mp4", "--jsno", "x"], "unrecognized arguments: --jsno"),
    ],
)
def test_wrong_words_end_with_code_2(monkeypatch, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *words)
    assert message in capsys.readouterr().err


def test_without_a_model_files_that_are_missing_are_named_first(
    monkeypatch, capsys, make_clip, tmp_path
):
    make_clip("a.mp4", seconds=1.0)
    monkeypatch.chdir(tmp_path)
    for words, sentence in (
        (["none.mp4"], "2 inputs are wrong: (1) No file at 'none.mp4'. (2) No training run at"),
        (["*.avi", "a.mp4"], "(1) No file fits the pattern '*.avi'. (2) No training run at"),
        (["none.mp4", "--checkpoint", "b.pth"], "'none.mp4'. (2) Checkpoint 'b.pth' does not"),
        (["a.mp4"], "error: No training run at 'work_dirs/macbdf_demo'"),
    ):
        assert run(monkeypatch, *words) == 1
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("flag", ["--json", "--jsonl", "--html", "--video"])
def test_a_file_that_cannot_be_written_is_refused_before_the_model_is_looked_for(
    monkeypatch, capsys, tmp_path, flag
):
    (tmp_path / "file").touch()
    words = ("a.mp4", "--checkpoint", "none.pth", flag, tmp_path / "file" / "out")
    assert run(monkeypatch, *words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}/file/out")
    assert "cannot be written" in error


def test_pages_of_all_files_also_of_those_that_failed_or_were_scored_before(
    predict_lines, make_clip, tmp_path, monkeypatch
):
    monkeypatch.setattr("macbdf_mm.apis.saliency.has_captum", lambda: False)
    first, second = make_clip("a.mp4", seconds=1.3), make_clip("b.mp4", seconds=1.3)
    assert predict_lines(first)[0] == 0
    code, out, _ = predict_lines(first, second, "gone.mp4", "--html", "pages", "--video", "pages")
    assert code == 1
    assert f"Pages: {tmp_path}/pages/index.html" in out
    index = (tmp_path / "pages" / "index.html").read_text()
    assert "3 files" in index
    pages = {
        page.name[0]: page.read_text()
        for page in (tmp_path / "pages").glob("*.html")
        if page.name != "index.html"
    }
    assert sorted(pages) == ["a", "b", "g"]
    assert all(f'href="{page.name}"' in index for page in (tmp_path / "pages").glob("[abg]*-*"))
    assert "taken over from an earlier run" in pages["a"]
    assert "plain gradients" in pages["b"]
    assert "Not scored" in pages["g"]
    videos = sorted(path.name[0] for path in (tmp_path / "pages").glob("*.mp4"))
    assert videos == ["a", "b"]
