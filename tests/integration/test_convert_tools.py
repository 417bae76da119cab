"""tools/convert_dataset.py and tools/make_splits.py as a user calls them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dfdc_tree import write_dfdc_tree
from lavdf_tree import entry
from recordings import record, save

REPOSITORY = Path(__file__).parents[2]


def test_convert_then_split(run_tool, tmp_path):
    truth = write_dfdc_tree(tmp_path / "dfdc", num_originals=2)
    converted = run_tool("convert_dataset", "dfdc", "dfdc", "dfdc/annotation.json", "--workers", 2)
    assert converted.returncode == 0, converted.stderr[-2000:]
    assert f"{len(truth)} rows written to dfdc/annotation.json" in converted.stdout
    assert "comparisons: 6/6 files" in converted.stderr
    report = json.loads((tmp_path / "dfdc/annotation.report.json").read_text())
    assert report["counts"]["category"] == {
        "FVFA": 2,
        "FVRA": 2,
        "RVFA": 2,
        "RVRA": 4,
        "unknown": 2,
    }

    split = run_tool("make_splits", "dfdc/annotation.json", "dfdc/annotation.json")
    assert split.returncode == 0, split.stderr[-2000:]
    assert "name official" in split.stdout
    assert "in more than one part: 0 recordings, 0 identities" in split.stdout


def test_errors_are_one_sentence(run_tool, tmp_path):
    for tool, arguments, message in (
        ("convert_dataset", ("dfdc", "gone", "out.json"), "error: No data folder at gone"),
        ("make_splits", ("gone.json", "out.json"), "error: No annotation file at gone.json"),
    ):
        done = run_tool(tool, *arguments)
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1].startswith(message)
        assert "Traceback" not in done.stderr
    done = run_tool("make_splits", "a.json", "b.json", "--shares", "train:0.7")
    assert done.returncode == 2
    assert "expected PART=SHARE, got 'train:0.7'" in done.stderr


@pytest.mark.slow  # Thousands of files.
def test_a_run_that_was_killed_goes_on_where_it_was(run_tool, tmp_path):
    num_clips = 4000
    (tmp_path / "lavdf/test").mkdir(parents=True)
    seed = save(tmp_path / "seed.mp4", record(0))
    files = [f"test/{number:06d}.mp4" for number in range(num_clips)]
    for file in files:
        os.link(seed, tmp_path / "lavdf" / file)
    table = [entry(file, 1.0) for file in files]
    (tmp_path / "lavdf/metadata.min.json").write_text(json.dumps(table))

    words = ("lavdf", "lavdf", "out.json", "--workers", "2")
    tool = REPOSITORY / "tools" / "convert_dataset.py"
    process = subprocess.Popen(
        [sys.executable, str(tool), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    journal = tmp_path / "out.journal.jsonl"
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 50_000):
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out.json").exists()
    known = journal.read_bytes().count(b"\n")
    assert 0 < known < num_clips

    done = run_tool("convert_dataset", *words)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"headers: {known}/{num_clips} files ({known} known already)" in done.stderr
    fresh = run_tool("convert_dataset", "lavdf", "lavdf", "fresh.json")
    assert fresh.returncode == 0, fresh.stderr[-2000:]
    assert (tmp_path / "out.json").read_bytes() == (tmp_path / "fresh.json").read_bytes()
