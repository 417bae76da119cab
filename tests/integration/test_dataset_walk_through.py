"""docs/datasets.md, command by command, on a small tree in the layout of each data set."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from av_deepfake1m_tree import write_av_deepfake1m_tree
from dfdc_tree import write_dfdc_tree
from fakeavceleb_tree import write_fakeavceleb_tree
from lavdf_tree import write_lavdf_tree
from recordings import record, save, swap_face

from macbdf_mm.datasets.annotation import load_annotation

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "docs" / "datasets.md"
# What a step of the whole model needs to fit a small tree and a machine without a GPU.
SMALL = ("train_dataloader.batch_size=2", "train_dataloader.num_workers=0",
         "train_dataloader.persistent_workers=False")  # fmt: skip


def write_own_tree(root, seconds):
    lines = ["name,kind,identity"]
    for index in range(12):
        recording = record(index, seconds)
        save(root / f"{index}.mp4", swap_face(recording, 1) if index % 2 else recording)
        lines.append(f"{index}.mp4,{('filmed', 'generated')[index % 2]},{index}")
    root.joinpath("clips.csv").write_text("\n".join(lines) + "\n")


SECTIONS = {
    "DFDC": ("dfdc", write_dfdc_tree),
    "FakeAVCeleb": ("fakeavceleb", write_fakeavceleb_tree),
    "LAV-DF": ("lavdf", write_lavdf_tree),
    "AV-Deepfake1M and AV-Deepfake1M++": ("av_deepfake1m", write_av_deepfake1m_tree),
    "DefakeAVMiT": ("defakeavmit", write_fakeavceleb_tree),
    "Your own clips": ("mine", write_own_tree),
}


def commands(section, *tools):
    """Return the commands of a section of the guide that call one of these tools, as words."""
    text = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", GUIDE.read_text(), re.M | re.S)
    found = [shlex.split(line) for line in re.findall(r"^    (python .*)$", text.group(1), re.M)]
    return [words for words in found if Path(words[1]).stem in tools]


@pytest.fixture(params=SECTIONS)
def section(request, tmp_path, monkeypatch):
    """Return a section of the guide, in a folder with the tree that it speaks of."""
    name, write = SECTIONS[request.param]
    write(tmp_path / "data" / name, seconds=3.0 if request.node.get_closest_marker("slow") else 0.4)
    for folder in ("tools", "configs"):
        os.symlink(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return request.param


def run_here(words, monkeypatch):
    monkeypatch.setattr(sys, "argv", words[1:])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(words[1], run_name="__main__")
    assert ended.value.code == 0


def test_convert_and_split(section, monkeypatch, capsys):
    ran = commands(section, "convert_dataset", "make_splits")
    for words in ran:
        run_here(words, monkeypatch)
    written = Path("data", SECTIONS[section][0], "annotation.json")
    annotation = load_annotation(written)
    assert f"{len(annotation.rows)} rows written to {written}" in capsys.readouterr().out
    if len(ran) > 1:
        assert "split_protocol" in annotation.metainfo
        assert {"train", "test"} <= {row.split for row in annotation.rows}


@pytest.mark.slow  # A step of the whole model, six times.
def test_every_command(section):
    written = Path("data", SECTIONS[section][0], "annotation.json")
    for words in commands(section, *(path.stem for path in Path("tools").glob("*.py"))):
        small = SMALL if words[1] == "tools/train.py" else ()
        done = subprocess.run(
            [sys.executable, *words[1:], *small],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=550,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert written.is_file()
