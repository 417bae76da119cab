"""A test that is stopped, divided or on two ranks writes the bytes of one that is not."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numbered_clips
import numpy as np
import pytest
import torch
from numbered_clips import KnowsNumbers, Stopped, config, save_weights, stop_and_go_on

from macbdf_mm.apis.evaluate_model import dump_predictions_to, evaluate_model
from macbdf_mm.apis.kept_scores import window_from_json, window_to_json
from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.evaluation.metrics import forgery_metric
from macbdf_mm.evaluation.score_file import meta_path, read_scores
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.utils.files import take_lock
from macbdf_mm.utils.shard import Shard


@pytest.fixture(autouse=True)
def as_new():
    KnowsNumbers.stop_at, KnowsNumbers.seen = None, []


@pytest.fixture
def clips(tmp_path):
    (tmp_path / "clips").mkdir()
    for number in range(numbered_clips.NUM_CLIPS):
        (tmp_path / f"clips/{number}.mp4").write_bytes(b"x")
    return tmp_path


@pytest.fixture
def weights(clips):
    return save_weights(clips / "weights.pth")


@pytest.fixture
def written(clips, weights):
    """The score file of a test that was not stopped, and its description."""
    found = run(config(clips, "whole"), weights)
    KnowsNumbers.seen = []
    return found


def run(cfg, weights, **options):
    evaluate_model(cfg, weights, **options)
    path = Path(cfg.test_evaluator.out_file)
    return path.read_bytes(), meta_path(path).read_bytes()


def journals(clips, name="run"):
    return sorted(path.name for path in (clips / name).glob("*journal*"))


def stop(cfg, weights, at=5):
    KnowsNumbers.stop_at = at
    with pytest.raises(Stopped):
        evaluate_model(cfg, weights)
    KnowsNumbers.stop_at, KnowsNumbers.seen = None, []


def test_a_stopped_test_goes_on_and_writes_the_same_bytes(clips, weights, written):
    cfg = config(clips)
    seen = stop_and_go_on(cfg, weights, 5)
    path = clips / "run/test_scores.jsonl"
    assert seen == list(range(20, 61)), "five batches of four were there"
    assert (path.read_bytes(), meta_path(path).read_bytes()) == written
    assert journals(clips) == []
    assert len(read_scores(path).videos) == 61


def test_what_was_scored_is_on_the_disk_when_the_scores_cannot_be_written(
    clips, weights, written, monkeypatch
):
    def refuse(*args):
        raise UnwritableFileError("x cannot be written (no space left on device).")

    cfg = config(clips)
    with monkeypatch.context() as patched:
        patched.setattr(forgery_metric, "write_scores", refuse)
        with pytest.raises(UnwritableFileError, match=r"All scores are kept in .*; the same com"):
            evaluate_model(cfg.copy(), weights)
    KnowsNumbers.seen = []
    assert run(cfg, weights) == written
    assert KnowsNumbers.seen == []


def test_shards_make_the_same_file(clips, weights, written):
    for index in (3, 1, 2):
        assert evaluate_model(config(clips), weights, shard=Shard(index, 3)) == {}
    assert [name.partition(".journal")[2] for name in journals(clips)] == [
        f".{index}-of-3.jsonl" for index in (1, 2, 3)
    ]
    assert not (clips / "run/test_scores.jsonl").exists()
    assert sorted(KnowsNumbers.seen) == list(range(61)), "each clip in one part"
    KnowsNumbers.seen = []
    assert run(config(clips), weights) == written
    assert KnowsNumbers.seen == []
    assert journals(clips) == []


def test_what_a_shard_lacks_is_scored_when_they_are_put_together(clips, weights, written):
    evaluate_model(config(clips), weights, shard=Shard(1, 2))
    done = KnowsNumbers.seen
    KnowsNumbers.seen = []
    assert run(config(clips), weights) == written
    assert sorted([*done, *KnowsNumbers.seen]) == list(range(61))


def test_parts_of_other_weights_are_refused(clips, weights):
    evaluate_model(config(clips), weights, shard=Shard(1, 2))
    evaluate_model(config(clips), save_weights(clips / "other.pth", 1.0), shard=Shard(2, 2))
    with pytest.raises(ConfigError, match=r"2-of-2\.jsonl has scores of other weights, so it is"):
        evaluate_model(config(clips), weights)
    evaluate_model(config(clips), weights, shard=Shard(2, 2))
    KnowsNumbers.seen = []
    evaluate_model(config(clips), weights)
    assert KnowsNumbers.seen == []


def test_parts_are_not_put_together_while_one_is_written(clips, weights):
    evaluate_model(config(clips), weights, shard=Shard(1, 2))
    [name] = journals(clips)
    with (clips / "run" / name).open("rb+") as file:
        take_lock(file.fileno(), "")
        with pytest.raises(ConfigError, match=r"A process is writing .*1-of-2"):
            evaluate_model(config(clips), weights)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda clips, cfg: save_weights(clips / "weights.pth", 2.0), "weights"),
        (lambda clips, cfg: cfg.test_dataloader.update(batch_size=2), "config"),
        (lambda clips, cfg: cfg.update(test_cfg={"fp16": True}), "config"),
        (lambda clips, cfg: cfg.test_dataloader.dataset.update(num_clips=60), "config and clips"),
    ],
)
def test_another_test_begins_anew_and_says_so(clips, weights, change, named, monkeypatch):
    said = []
    monkeypatch.setattr("mmengine.logging.MMLogger.warning", lambda self, text: said.append(text))
    stop(config(clips), weights)
    cfg = config(clips)
    change(clips, cfg)
    evaluate_model(cfg, weights)
    assert sorted(KnowsNumbers.seen) == list(
        range(cfg.test_dataloader.dataset.get("num_clips", 61))
    )
    assert any(f"journal.jsonl has scores of other {named}, of a test that was" in t for t in said)
    # It could still go on.
    assert len(journals(clips)) == 1


def test_loading_may_change_and_files_may_not(clips, weights, written):
    stop(config(clips), weights)
    (clips / "clips/6.mp4").write_bytes(b"longer")
    cfg = config(clips)
    cfg.test_dataloader.timeout = 0
    assert run(cfg, weights)[0] == written[0]
    assert KnowsNumbers.seen == [4, 5, 6, 7, *range(20, 61)]


def test_what_could_not_be_read_is_tried_again(clips, weights):
    stop(config(clips, broken=(9,)), weights)
    evaluate_model(config(clips, broken=(9,)), weights)
    assert KnowsNumbers.seen == [8, 9, 10, 11, *range(20, 61)]
    found = {video.file: video for video in read_scores(clips / "run/test_scores.jsonl").videos}
    assert found["9.mp4"].problem == "cut short"


def test_a_test_that_cannot_be_kept_runs_as_a_whole(clips, weights):
    cfg = config(clips)
    dump_predictions_to(cfg, clips / "run" / "dump.pkl")
    KnowsNumbers.stop_at = 5
    with pytest.raises(Stopped):
        evaluate_model(cfg.copy(), weights)
    KnowsNumbers.stop_at, KnowsNumbers.seen = None, []
    assert journals(clips) == []
    with pytest.raises(ConfigError, match="cannot be kept where DumpResults needs all predictions"):
        evaluate_model(cfg.copy(), weights, shard=Shard(1, 2))
    evaluate_model(cfg.copy(), weights)
    assert len(KnowsNumbers.seen) == 61
    cfg = config(clips)
    cfg.test_dataloader.drop_last = True
    with pytest.raises(ConfigError, match="test data have a sampler of their own"):
        evaluate_model(cfg, weights, shard=Shard(1, 2))
    cfg = config(clips)
    cfg.test_evaluator.out_file = None
    with pytest.raises(ConfigError, match="cannot be kept where no score file is written"):
        evaluate_model(cfg, weights, shard=Shard(1, 2))


def test_an_output_that_cannot_be_written_is_said_before_the_test(clips, weights):
    (clips / "run/test_scores.jsonl").mkdir(parents=True)
    with pytest.raises(UnwritableFileError, match=r"test_scores\.jsonl cannot be written \(is a d"):
        evaluate_model(config(clips), weights)
    assert KnowsNumbers.seen == []


def test_a_window_comes_back_as_it_was():
    steps = StepScores(np.array([0.1, np.nan, 1 / 3]), np.array([0, -1, 1]))
    window = WindowScores(
        file="a\udcff.mp4",
        span_seconds=(0.1, 0.7),
        scores=(1 / 3, float("nan"), 1e-300),
        labels=(1, 0, -1),
        category="RVFA",
        method="m",
        video_method="v",
        audio_method="a",
        decode_error="e",
        steps={"video": steps},
        path="/p/a.mp4",
        dataset="d",
        columns={"z": "1", "a": "2"},
        unusable={"audio": "silent"},
        duration_seconds=0.7,
        forgeries={"video": ((0.1, 0.2), (0.3, 0.4)), "audio": ()},
    )
    again = window_from_json(json.loads(json.dumps(window_to_json(window))))
    for field in fields(window):
        if field.name not in ("scores", "steps"):
            assert getattr(again, field.name) == getattr(window, field.name)
            assert type(getattr(again, field.name)) is type(getattr(window, field.name))
    assert list(again.columns) == ["z", "a"]
    np.testing.assert_array_equal(again.scores, window.scores)
    for one, other in zip(again.steps["video"], steps, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.fixture
def two_ranks(clips, weights):
    """What two real processes found, that validated and tested over gloo."""
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    command = [sys.executable, "-W", "ignore", numbered_clips.__file__]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(clips)],
            cwd=clips,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [rank.communicate(timeout=200)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], "".join(errors)
    return [torch.load(clips / f"rank_{rank}.pth") for rank in range(2)]


def test_two_ranks_fit_and_write_what_one_process_does(clips, weights, written, two_ranks):
    """With an odd number of clips, the one that fills the last batch counts once."""
    alone = numbered_clips.fitted_buffers(config(clips))
    assert alone["is_threshold_fitted"]
    fitted = ("decision_threshold", "real_windows", "proposal_settings", "calibration")
    assert all(alone[name].any(-1).all() for name in fitted), "all of them were fitted"
    assert alone["uncertain_band"].any()
    for found in two_ranks:
        assert found["buffers"].keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(found["buffers"][name], value, rtol=0, atol=0)
    # Each of them was stopped before its fourth batch.
    seen = [clip for found in two_ranks for clip in found["seen"]]
    assert sorted(seen) == list(range(24, 61))
    path = clips / "two_ranks/test_scores.jsonl"
    assert path.read_bytes() == written[0]
    assert journals(clips, "two_ranks") == []
