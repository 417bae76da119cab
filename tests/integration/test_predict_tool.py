"""tools/predict.py as a user runs it; one process does most checks, since each costs seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.load_model import build_model

REPOSITORY = Path(__file__).parents[2]
WARNING = "say nothing about real video"


def _predict(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "tools" / "predict.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def demo_run(tmp_path):
    """An untrained demo run where the tool looks for the newest one."""
    folder = tmp_path / "work_dirs" / "macbdf_demo"
    folder.mkdir(parents=True)
    cfg = Config.fromfile(str(REPOSITORY / "configs" / "macbdf_demo.py"))
    cfg.dump(str(folder / "macbdf_demo.py"))
    meta = {"training_data": {"dataset": "macbdf_demo", "synthetic": True}}
    state_dict = build_model(cfg).state_dict()
    torch.save({"meta": meta, "state_dict": state_dict}, folder / "best_auc_epoch_1.pth")
    return folder


def test_files_and_folders_with_the_newest_demo_run(demo_run, make_clip, tmp_path):
    make_clip("clips/deep/both.mp4", seconds=1.5)
    silent = make_clip("silent.mp4", seconds=1.5, with_sound=False)
    done = _predict("clips", silent, "none.mp4", "--json", "out.json", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].endswith("best_auc_epoch_1.pth")
    assert "none.mp4: error: " in lines[3]
    assert all(WARNING in line for line in lines[1:])
    entries = json.loads((tmp_path / "out.json").read_text())
    assert [entry["status"] for entry in entries] == ["ok", "ok", "error"]
    assert entries[1]["scores"]["audio"] is None
    for entry in entries:
        assert set(entry) >= {"file", "status", "error", "scores", "windows"}
        assert any(WARNING in text for text in entry["warnings"])


def test_a_file_with_one_track_is_no_failure(demo_run, make_clip, tmp_path):
    path = make_clip("silent.mp4", seconds=1.5, with_sound=False)
    assert _predict(path, cwd=tmp_path).returncode == 0


def test_two_processes_give_the_scores_of_one(demo_run, make_clip, tmp_path):
    for name in ("clips/a.mp4", "clips/b.mp4", "clips/c.mp4"):
        make_clip(name, seconds=1.5)
    one, two = (
        _predict("clips", "--json", f"{n}.json", "--num-workers", n, cwd=tmp_path) for n in (1, 2)
    )
    assert len(two.stdout.splitlines()) == len(one.stdout.splitlines()) == 5
    entries, others = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (1, 2))
    assert [entry["file"] for entry in others] == [entry["file"] for entry in entries]
    for entry, other in zip(entries, others, strict=True):
        # Two processes compute with one thread each, which adds up in another order.
        assert other["scores"] == pytest.approx(entry["scores"], abs=1e-5)
        assert other["warnings"] == entry["warnings"]
    assert sorted(path.name for path in tmp_path.glob("*.json*")) == ["1.json", "2.json"]


def test_wrong_words_end_with_code_2(tmp_path):
    done = _predict("a.mp4", "--resume", cwd=tmp_path)
    assert done.returncode == 2
    assert "--resume and --shard need --json OUT or --jsonl OUT" in done.stderr


def test_without_a_demo_run_one_sentence_says_what_to_do(tmp_path):
    (tmp_path / "a.mp4").touch()
    done = _predict("a.mp4", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "run `make demo` or" in done.stderr


def test_a_wrong_config_key_is_one_sentence(demo_run, tmp_path):
    config = demo_run / "macbdf_demo.py"
    config.write_text(config.read_text() + "\nmodel['nekc'] = dict(type='PlainFusionNeck')\n")
    done = _predict("a.mp4", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nekc" in done.stderr
