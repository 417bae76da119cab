"""docs/datasets.md, command by command, on a small tree in the layout of each data set."""

import json
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
from middle_detector import ARGUMENTS as DETECTOR
from recordings import record, save, swap_face

from macbdf_mm.datasets.annotation import load_annotation

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "docs" / "datasets.md"
TOOLS = ("convert_dataset", "make_splits", "audit_dataset", "prepare_faces", "train")
# What a step of the whole model needs to fit a small tree and a machine without a GPU.
SMALL = ("train_dataloader.batch_size=2", "train_dataloader.num_workers=0",
         "train_dataloader.persistent_workers=False")  # fmt: skip
EIGHT_CLIPS = "train_dataloader.dataset.indices=8"


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


def test_each_section_goes_from_converting_to_a_step(section):
    tools = [Path(words[1]).stem for words in commands(section, *TOOLS)]
    assert tools[-5:] == list(TOOLS)
    assert set(tools[:-5]) <= {"convert_dataset"}


def test_convert_split_audit_and_one_step_of_a_small_model(section, monkeypatch, capsys):
    for words in commands(section, *TOOLS):
        if words[1] == "tools/train.py":
            # The demo's model reads the crops; its sampler has no number of clips to set.
            kept = [w for w in words[3:] if not w.startswith("train_dataloader.")]
            root = f"train_dataloader.dataset.data_root=data/{SECTIONS[section][0]}_crops"
            words[2:] = ["configs/macbdf_demo.py", *kept, root, *SMALL, EIGHT_CLIPS]
        if words[1] == "tools/prepare_faces.py":
            words += DETECTOR
        run_here(words, monkeypatch)
    folder = Path("data", SECTIONS[section][0])
    annotation = load_annotation(folder / "annotation.json")
    printed = capsys.readouterr().out
    assert f"{len(annotation.rows)} rows written to {folder}/annotation.json" in printed
    assert "split_protocol" in annotation.metainfo
    assert {"train", "test"} <= {row.split for row in annotation.rows}
    found = json.loads((folder / "annotation.audit/audit.json").read_text())
    assert found["unreadable"] == {}
    assert found["parts"][-1]["num_clips"] == len(annotation.rows)
    assert sum(item["num_real"] + item["num_fake"] for item in found["formats"]) > 4
    assert list(Path("work_dirs/macbdf_demo").glob("*.pth"))


@pytest.mark.slow  # A step of the whole model, six times.
def test_every_command(section):
    written = Path("data", SECTIONS[section][0], "annotation.json")
    for words in commands(section, *(path.stem for path in Path("tools").glob("*.py"))):
        small = {"tools/train.py": SMALL, "tools/prepare_faces.py": DETECTOR}.get(words[1], ())
        done = subprocess.run(
            [sys.executable, *words[1:], *small],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/tests/trees",
            },
            capture_output=True,
            text=True,
            timeout=550,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert written.is_file()
