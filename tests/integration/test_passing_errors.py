"""What the machine refuses today, such as a locked file or a full disk, is no result of a file.

The commands run without the right to read all, and on a disk of a few kilobytes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import record, save

from macbdf_mm.datasets.annotation import ClipRow, save_annotation

ROOT = Path(__file__).resolve().parents[2]
# Permissions apply to root, too, if it has no right to override them.
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


def run_tool_without_rights(tool, *arguments, cwd):
    command = [sys.executable, "-W", "ignore", ROOT / "tools" / f"{tool}.py", *arguments]
    return run([*(AS_ANYBODY if os.geteuid() == 0 else ()), *command], cwd)


def run(command, cwd):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": path, "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two clips, a table and an annotation that has their faces."""
    for number in range(2):
        save(tmp_path / f"data/{number}.mp4", record(number, 1.0))
    box = {"times_seconds": [0.0, 1.0], "boxes": [[0.2, 0.2, 0.7, 0.7]] * 2, "chosen": True}
    rows = [ClipRow(f"{number}.mp4", 0, 0, 0, faces=(box,)) for number in range(2)]
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, rows)
    (tmp_path / "data/t.csv").write_text("file,label\n0.mp4,real\n1.mp4,real\n")
    return tmp_path


COMMANDS = {
    "convert_dataset": ("generic", "data", "out/a.json", "--table", "data/t.csv", "--workers", 1),
    "audit_dataset": ("ann.json", "--data-root", "data", "--out", "out", "--workers", 1),
    "prepare_faces": (
        *("ann.json", "--data-root", "data", "--out", "out", "--detector", "annotation"),
        *("--crops", "mp4", "--size", 64, "--workers", 1),
    ),
}


def journal_of(folder):
    [journal] = (folder / "out").glob("*.jsonl")
    return [json.loads(line) for line in journal.read_text().splitlines()]


@pytest.mark.parametrize("tool", COMMANDS)
def test_a_locked_file_is_read_when_it_is_unlocked(folder, tool):
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, as root may read everything")
    (folder / "data/1.mp4").chmod(0)
    locked = run_tool_without_rights(tool, *COMMANDS[tool], cwd=folder)
    assert locked.returncode == 0, locked.stderr[-2000:]
    assert [entry["status"] for entry in journal_of(folder)] == ["done", "failed"]
    (folder / "data/1.mp4").chmod(0o644)
    again = run_tool_without_rights(tool, *COMMANDS[tool], cwd=folder)
    assert again.returncode == 0, again.stderr[-2000:]
    assert [entry["status"] for entry in journal_of(folder)] == ["done", "failed", "done"]
    assert "ermission denied" not in again.stdout + again.stderr


@pytest.mark.parametrize("tool", COMMANDS)
def test_a_full_disk_ends_the_command_and_leaves_no_failures(folder, tool):
    (folder / "out").mkdir()
    # Journal and results do not fit into 8 KB.
    fill = f"head -c {8192 if tool == 'prepare_faces' else 12288} /dev/zero > out/fill"
    command = " ".join(map(str, (ROOT / "tools" / f"{tool}.py", *COMMANDS[tool])))
    script = (
        f"mount -t tmpfs -o size=16k tmpfs out && {fill}; "
        f"{sys.executable} -W ignore {command}; code=$?; cp out/*.jsonl kept.jsonl; exit $code"
    )
    done = run(["unshare", "-rm", "sh", "-c", script], folder)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("needs the right to mount a file system in a namespace of its own")
    assert done.returncode == 1, done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "no space left on device" in last
    assert "Traceback" not in done.stderr
    lines = (folder / "kept.jsonl").read_text().splitlines()
    assert all('"failed"' not in line for line in lines)
