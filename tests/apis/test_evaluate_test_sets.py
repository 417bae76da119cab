"""Two small data sets, a tiny model, and the whole evaluation."""

import json
import re
from pathlib import Path

import pytest
import torch
from mean_detector import made_weights, write_config, write_data_set
from mmengine.config import Config

from macbdf_mm.apis import evaluate_test_sets as evaluation
from macbdf_mm.apis import score_test_sets
from macbdf_mm.apis.evaluate_model import evaluate_model
from macbdf_mm.apis.evaluate_test_sets import (
    EvaluationOptions,
    evaluate_test_sets,
    read_matrix,
)
from macbdf_mm.apis.wrong_inputs import WrongInputsError
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.evaluation.conditions import corruption_conditions


@pytest.fixture
def checkpoint(write_checkpoint, tmp_path):
    torch.set_num_threads(1)
    return write_checkpoint(tmp_path / "best.pth", made_weights())


@pytest.fixture
def cfg(make_clip, tmp_path):
    """The pipeline of the demo on two data sets whose files have the same names."""
    for name in ("one", "two"):
        write_data_set(tmp_path / "data" / name, "demo" if name == "one" else name, make_clip)
    return Config.fromfile(write_config(tmp_path / "tiny.py", tmp_path / "data/one"))


def test_two_test_sets_from_scores_to_a_page(cfg, checkpoint, tmp_path, monkeypatch):
    out = tmp_path / "out"
    ends = [corruption_conditions(["gain"])[level - 1] for level in (1, 5)]
    monkeypatch.setattr(evaluation, "corruption_conditions", lambda names: ends)
    options = EvaluationOptions(robustness=["gain"], num_resamples=20)
    arguments = (cfg, checkpoint, [str(tmp_path / "data" / "two")], out, options)
    paths = evaluate_test_sets(*arguments)
    assert [path.name for path in paths] == ["evaluation.json", "evaluation.md", "evaluation.html"]
    document = json.loads(paths[0].read_text())

    # The matrix: the demo's weights were trained on 'demo', which the first set is of.
    rows = document["matrix"]
    assert [(r["trained_on"], r["test_set"], r["kind"]) for r in rows] == [
        ("demo", "demo test", "intra"),
        ("demo", "two test", "cross"),
    ]
    assert all(row["coverage"] == 1 and row["num_clips"] == 4 for row in rows)

    # One cell is what tools/test.py computes.
    cfg.work_dir, cfg.log_level = str(tmp_path / "work"), "ERROR"
    figures = evaluate_model(cfg, checkpoint)
    for name in ("auc", "acc", "balanced_acc", "auc_low"):
        assert rows[0][name] == pytest.approx(figures[f"overall/{name}"], nan_ok=True)

    first, second = document["test_sets"]
    assert (first["is_synthetic"], second["is_synthetic"]) == (True, False)
    assert first["thresholds"] == pytest.approx({"overall": 0.5, "video": 0.4, "audio": 0.6})
    assert {"weights", "config", "split"} < set(first["digests"])
    assert set(first["tables"]) > {"All clips", "By method of the clip (overall score)"}
    changes = {(change["condition"], change["score"]) for change in first["changes"]}
    assert ("audio_masked", "audio") not in changes
    assert ("audio_masked", "video") in changes
    assert {c for c, _ in changes} == {
        "audio_masked", "video_masked", "silence_trimmed", "other_audio", "time_reversed",
        "gain_1", "gain_5",
    }  # fmt: skip
    masked = next(
        c for c in first["changes"] if (c["condition"], c["score"]) == ("audio_masked", "video")
    )
    assert masked["auc"]["value_b"] == pytest.approx(figures["video/auc"])
    assert first["robustness"]["num_corruptions"] == 1

    text, page = paths[1].read_text(), paths[2].read_text()
    for said in (
        "Synthetic data", "policy exclude", "always fake", "thresholds were chosen on validation",
        "by identity", "audio of another clip", "time reversed", "two test", "mean AUC drop",
        first["digests"]["weights"],
    ):  # fmt: skip
        assert said in text, said
        assert said in page, said
    # It needs no other file.
    assert not re.findall(r'(?:src|href)="(?!data:)', page)

    # The same command makes nothing anew but the reports.
    def refuse(*args, **kwargs):
        raise AssertionError("scored again")

    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.jsonl")}
    assert len(before) == 2 * 8
    with monkeypatch.context() as patched:
        patched.setattr(score_test_sets, "evaluate_model", refuse)
        evaluate_test_sets(*arguments)
    again = json.loads(paths[0].read_text())
    assert again == document
    # What is not complete, or of other digests, is scored again, and nothing else.
    next(out.rglob("two-test/as_is.jsonl")).unlink()
    scored = []

    def note(cell, *args, **kwargs):
        scored.append(Path(cell.test_evaluator.out_file).stem)
        return evaluate_model(cell, *args, **kwargs)

    monkeypatch.setattr(score_test_sets, "evaluate_model", note)
    evaluate_test_sets(*arguments)
    assert scored == ["as_is"]
    assert json.loads(paths[0].read_text())["matrix"] == rows
    cfg.test_dataloader.dataset.windows_per_clip = 1
    matrix_only = EvaluationOptions(has_probes=False, num_resamples=20, beside=[out])
    paths = evaluate_test_sets(cfg, checkpoint, [], out, matrix_only)
    assert scored == ["as_is", "as_is"]
    # The rows of the earlier evaluation stand beside, but for what is new.
    again = json.loads(paths[0].read_text())["matrix"]
    assert [row["test_set"] for row in again] == ["two test", "demo test"]
    assert "| demo | tiny, best |" in paths[1].read_text()


def test_what_is_asked_for_must_be_there(cfg, checkpoint, tmp_path):
    def run(*data, **options):
        evaluate_test_sets(cfg, checkpoint, data, tmp_path / "out", EvaluationOptions(**options))

    with pytest.raises(MissingDataError, match=r"No test set at 'gone': expected a config, an ann"):
        run("gone")
    with pytest.raises(MissingDataError, match=r"is in the split 'val' \(it has test\): name"):
        run(f"{tmp_path / 'data' / 'two'}:val")
    with pytest.raises(ConfigError, match="Expected `--limit` of 2 or more clips, got 1"):
        run(limit=1)
    with pytest.raises(ValueError, match=r"Expected `--robustness` of .*, got 'fog'"):
        run(robustness=["fog"])
    with pytest.raises(
        ConfigError, match="No test set has a column 'gendre' for --by; there are cat"
    ):
        run(columns=("gendre",))
    with pytest.raises(ConfigError, match="Expected `--num-resamples` of 1 or more, got 0"):
        run(num_resamples=0)
    assert not list((tmp_path / "out").rglob("*.jsonl"))
    with pytest.raises(MissingDataError, match=r"No evaluation at '.*' \(FileNotFoundError\)"):
        read_matrix(tmp_path / "gone")
    # All at once, and before a model is built.
    checkpoint.unlink()
    cfg.test_dataloader.dataset.data_root = str(tmp_path / "nowhere")
    with pytest.raises(WrongInputsError) as caught:
        run("gone", limit=1, robustness=["fog"], beside=[tmp_path / "gone"])
    assert len(caught.value.sentences) == 6
    assert not list((tmp_path / "out").glob("*"))


def test_a_quick_look_takes_a_few_clips_and_says_so(cfg, checkpoint, tmp_path):
    options = EvaluationOptions(has_probes=False, num_resamples=5, limit=2, missing="as-fake")
    paths = evaluate_test_sets(cfg, checkpoint, [], tmp_path / "out", options)
    document = json.loads(paths[0].read_text())
    assert document["matrix"][0]["num_clips"] == 2
    [section] = document["test_sets"]
    assert section["tables"]["All clips"]["rows"]
    for path in paths[1:]:
        assert "A quick look" in path.read_text()
        assert "count as fake (score 1) (policy as-fake)" in path.read_text()
