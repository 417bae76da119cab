"""tools/train.py and tools/test.py as a user calls them: what goes wrong is one sentence."""

import json
from pathlib import Path

import pytest
import torch

from macbdf_mm.datasets.annotation import ClipRow, save_annotation

TOY_CONFIG = Path(__file__).parent / "toy" / "toy_config.py"
DEMO_CONFIG = Path(__file__).parents[2] / "configs" / "macbdf_demo.py"


def assert_one_sentence(done, *parts):
    assert done.returncode == 1, done.stderr[-2000:]
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("gone.py",), ("Config 'gone.py' does not exist",)),
        (
            (TOY_CONFIG, "--cfg-options", "train_cfg.max_epoch=1"),
            ("train_cfg has no 'max_epoch'; did you mean 'max_epochs'?",),
        ),
    ],
)
def test_wrong_call(run_tool, arguments, parts):
    assert_one_sentence(run_tool("train", *arguments), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((TOY_CONFIG, "--cfg-options", "model.widht=3"), ("`ToyDetector`", "'widht'")),
        ((TOY_CONFIG, "--cfg-options", "model.type=Toy"), ("type 'Toy'", "not in the registry")),
        (
            (TOY_CONFIG, "--no-validate", "--cfg-options", "default_hooks=5"),
            ("`default_hooks`, got 5",),
        ),
        (
            (TOY_CONFIG, "--cfg-options", f"work_dir={TOY_CONFIG}"),
            ("is a file, and no folder can",),
        ),
        ((TOY_CONFIG, "--resume", "gone.pth"), ("checkpoint 'gone.pth' does not exist",)),
        ((DEMO_CONFIG, "--cfg-options", "train_dataloader.dataset.data_root=gone"), ("gone",)),
    ],
)
def test_wrong_config(run_tool, arguments, parts):
    assert_one_sentence(run_tool("train", *arguments), *parts)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_amp_without_a_gpu(run_tool):
    assert_one_sentence(run_tool("train", TOY_CONFIG, "--amp"), "--amp needs a GPU")


@pytest.mark.slow  # three processes
def test_train_then_test(run_tool, tmp_path):
    run = tmp_path / "work_dirs" / "toy_config"
    trained = run_tool("train", TOY_CONFIG, "--seed", 3, "--auto-scale-lr", "--no-validate")
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert torch.load(run / "epoch_3.pth")["meta"]["seed"] == 3
    assert not list(run.glob("best_*"))

    tested = run_tool("test", TOY_CONFIG, "--dump", "scores.pkl", "--show-dir", "shown")
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert "always fake" in tested.stdout
    assert "The thresholds were not chosen on validation data." in tested.stdout
    assert len((run / "test_scores.jsonl").read_text().splitlines()) == 18
    origin = json.loads((run / "test_scores.meta.json").read_text())["origin"]
    assert set(origin) == {
        "weights_sha256", "annotations", "split_sha256", "config_sha256", "command", "versions",
    }  # fmt: skip
    first = (run / "test_scores.jsonl").read_bytes()
    assert (tmp_path / "scores.pkl").is_file()
    assert len((tmp_path / "shown" / "videos.csv").read_text().splitlines()) == 19
    assert (tmp_path / "shown" / "roc.png").is_file()

    again = run_tool("test", TOY_CONFIG)
    assert again.returncode == 0, again.stderr[-2000:]
    assert (run / "test_scores.jsonl").read_bytes() == first
    other = run_tool("test", TOY_CONFIG, "--cfg-options", "model.width=4")
    assert_one_sentence(other, "belongs to another model than the config")


def test_nothing_to_test(run_tool):
    assert_one_sentence(run_tool("test", TOY_CONFIG), "No training run at 'work_dirs/toy_config'")


def test_a_test_in_which_nothing_could_be_read_fails(run_tool, run_dir, tmp_path):
    (tmp_path / "a.mp4").touch()
    row = ClipRow("a.mp4", 0, 0, 0, split="test", duration_seconds=2.0)
    save_annotation(tmp_path / "ann.json", {"dataset": "empty"}, [row])
    options = dict(data_root=str(tmp_path), ann_file="ann.json", on_decode_error="skip")
    done = run_tool(
        "test",
        DEMO_CONFIG,
        run_dir / "best_epoch_1.pth",
        "--cfg-options",
        "test_dataloader.num_workers=0",
        "test_dataloader.persistent_workers=False",
        *(f"test_dataloader.dataset.{key}={value}" for key, value in options.items()),
    )
    assert_one_sentence(done, "None of the clips of the test set could be read")
    assert "a.mp4 (" in done.stdout + done.stderr
