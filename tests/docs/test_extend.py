"""Sections of the page on extending, run as they stand there; others have files of their own."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from demo.demo_dataset import DemoSettings, build_demo_dataset
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.media.writer import write_clip

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extend.md").read_text()


def section(heading):
    """Return the text below a heading, and the code blocks in it."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return text, re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)


def file_named_in(text):
    return re.search(r"`((?:my|count)_\w+\.py)`", text)[1]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    build_demo_dataset(folder, DemoSettings(num_clips=24, size=64), num_workers=1)
    return folder


def run(folder, *arguments):
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip


def write_project(folder, heading):
    """Write the module and the config of a section into a folder; return the config's path."""
    text, (module, config) = section(heading)
    (folder / file_named_in(text)).write_text(module)
    base = (ROOT / "configs" / "macbdf_demo.py").as_posix()
    path = folder / "mine.py"
    path.write_text(config.replace("./macbdf_demo.py", base))
    return path


@pytest.mark.parametrize("heading", ["A backbone", "A detector"])
def test_a_part_of_ones_own_trains_and_tests(heading, tmp_path, data_root):
    config = write_project(tmp_path, heading)
    options = [
        f"{part}_dataloader.dataset.data_root={data_root}" for part in ("train", "val", "test")
    ]
    options += ["train_dataloader.batch_size=4", "train_dataloader.num_workers=1"]
    options += ["train_cfg.max_epochs=1", "train_cfg.val_interval=1"]
    trained = run(
        tmp_path,
        ROOT / "tools" / "train.py",
        config,
        "--work-dir",
        "run",
        "--cfg-options",
        *options,
    )
    assert trained.returncode == 0, trained.stderr[-2000:]
    (best,) = tmp_path.glob("run/best_*.pth")
    checkpoint = torch.load(best)
    assert checkpoint["state_dict"]["is_threshold_fitted"]
    cfg = Config.fromfile(tmp_path / "run" / "mine.py", import_custom_modules=False)
    assert cfg.model.get("type") == ("MeanDetector" if heading == "A detector" else "MACBDF")
    if heading == "A backbone":
        assert "video_backbone.layers.1.conv.weight" in checkpoint["state_dict"]


def test_a_wrong_backbone_is_refused_when_it_is_built(tmp_path, monkeypatch):
    config = write_project(tmp_path, "A backbone")
    module = tmp_path / "my_backbone.py"
    module.write_text(module.read_text().replace("def encode(", "def encodes("))
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        with pytest.raises(ConfigError, match=r"PlainVideoBackbone has no `encode`"):
            build_model(Config.fromfile(config))
    finally:
        sys.modules.pop("my_backbone")


def test_a_command_of_ones_own(tmp_path):
    text, (module,) = section("A command")
    name = file_named_in(text)
    (tmp_path / name).write_text(module)
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    for index in range(3):
        write_clip(tmp_path / f"{index}.mp4", frames, 25, np.zeros(2560, np.float32))
    done = run(tmp_path, name, "0.mp4", "1.mp4", "2.mp4", "--num-workers", 2)
    assert (done.returncode, done.stdout) == (0, "h264: 3\n"), done.stderr[-2000:]
    broken = run(tmp_path, name, "0.mp4", "gone.mp4", "--num-workers", 1)
    assert (broken.returncode, broken.stdout) == (1, "h264: 1\n")
    assert "gone.mp4" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_an_export_format_of_ones_own(tmp_path, run_dir):
    text, (module, command) = section("An export format")
    (tmp_path / file_named_in(text)).write_text(module)
    places = {
        "tools/export_model.py": ROOT / "tools" / "export_model.py",
        "configs/macbdf_demo.py": ROOT / "configs" / "macbdf_demo.py",
        "epoch_1.pth": run_dir / "best_epoch_1.pth",
    }
    words = shlex.split(command)
    assert words[:2] == ["PYTHONPATH=.", "python"]
    done = run(tmp_path, *(places.get(word, word) for word in words[2:]))
    assert done.returncode == 0, done.stderr[-2000:]
    weights = torch.load(run_dir / "best_epoch_1.pth")["state_dict"]
    with np.load(tmp_path / "weights.npz") as arrays:
        assert set(arrays) == set(weights)
        for name, tensor in weights.items():
            np.testing.assert_array_equal(arrays[name], tensor)


def test_everything_that_the_page_links_to_is_there():
    for name in re.findall(r"\]\(([\w/.]+)\)", PAGE):
        assert (ROOT / "docs" / name).resolve().is_file(), name
