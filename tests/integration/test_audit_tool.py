"""tools/audit_dataset.py as a user calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recordings import record, save, swap_face

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow

REPOSITORY = Path(__file__).parents[2]


def write_clips(root, num_clips, **options):
    """Write real and fake clips in turn; the fakes are encoded worse."""
    rows = []
    for index in range(num_clips):
        is_fake = index % 2
        recording = record(index, 0.4)
        save(
            root / f"{index}.mp4",
            swap_face(recording, index) if is_fake else recording,
            crf=45 if is_fake else 15,
        )
        rows.append(ClipRow(f"{index}.mp4", is_fake, is_fake, 0, **options))
    save_annotation(root / "annotation.json", {"dataset": "mine"}, rows)
    return rows


def test_the_tool_prints_what_matters_and_writes_a_page(run_tool, tmp_path):
    write_clips(tmp_path / "data", 24)
    (tmp_path / "data/3.mp4").write_bytes(b"")
    done = run_tool("audit_dataset", "data/annotation.json", "--workers", 2)
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, page = done.stdout.splitlines()
    assert lines[0].startswith("data/annotation.json: 24 clips, 12 real, 12 fake;")
    assert lines[1] == "files: 1 unreadable, 0 unusual"
    assert any(line.startswith("leak: bit rate alone tells real from fake, AUC") for line in lines)
    assert not any("loudness" in line for line in lines)
    assert "decoding files: 24/24 done" in done.stderr
    assert page == "data/annotation.audit/index.html"
    assert "<h1>Audit of mine</h1>" in (tmp_path / page).read_text()
    found = json.loads((tmp_path / "data/annotation.audit/audit.json").read_text())
    assert list(found["unreadable"]) == ["3.mp4"]


def test_files_may_lie_elsewhere(run_tool, tmp_path):
    write_clips(tmp_path / "data", 2)
    (tmp_path / "data/annotation.json").rename(tmp_path / "a.json")
    options = ("--data-root", "data", "--out", "found", "--max-seconds", 0.2, "--workers", 1)
    done = run_tool("audit_dataset", "a.json", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "shortcuts: too few people or recordings of each class to look for any" in done.stdout
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "audit.json", "index.html", "journal.jsonl",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gone.json",), "error: No annotation file at gone.json"),
        (("a.json", "--data-root", "gone"), "error: No data folder at gone; check `--data-root`"),
        (
            ("a.json", "--workers", "0", "--time-limit", "5"),
            "error: Expected `num_workers` >= 1 with a time limit, got 0",
        ),
    ],
)
def test_errors_are_one_sentence(run_tool, tmp_path, arguments, message):
    save_annotation(tmp_path / "a.json", {"dataset": "mine"}, [ClipRow("a.mp4", 0)])
    done = run_tool("audit_dataset", *arguments)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


@pytest.mark.slow  # Half a minute of decoding, twice interrupted.
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_goes_on_where_it_was(run_tool, tmp_path, kind):
    num_clips = 600
    seed = save(tmp_path / "seed.mp4", record(0, 4.0))
    files = [f"{number}.mp4" for number in range(num_clips)]
    (tmp_path / "data").mkdir()
    for file in files:
        os.link(seed, tmp_path / "data" / file)
    rows = [ClipRow(file, 0) for file in files]
    save_annotation(tmp_path / "data/annotation.json", {"dataset": "mine"}, rows)
    journal = tmp_path / "data/annotation.audit/journal.jsonl"
    process = subprocess.Popen(
        [sys.executable, REPOSITORY / "tools/audit_dataset.py", "data/annotation.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 20_000):
        time.sleep(0.01)
    process.send_signal(kind)
    assert process.wait(60) != 0
    assert "Traceback" not in process.stderr.read()
    num_known = len(journal.read_text().splitlines())
    assert 0 < num_known < num_clips
    done = run_tool("audit_dataset", "data/annotation.json")
    assert done.returncode == 0, done.stderr[-2000:]
    # The last line may be half of one.
    assert any(
        f"decoding files: {known}/{num_clips} done ({known} known already)" in done.stderr
        for known in (num_known, num_known - 1)
    )
    decoded = [
        json.loads(line)["key"] for line in journal.read_text().splitlines() if line[-1] == "}"
    ]
    assert len(decoded) - len(set(decoded)) <= 1
