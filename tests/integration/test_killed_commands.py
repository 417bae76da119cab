"""Commands whose main process is killed, as by the OOM killer: none of their processes stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from macbdf_mm.datasets.annotation import ClipRow, save_annotation

REPOSITORY = Path(__file__).parents[2]
LOAD = """
import time
from torch.utils.data import DataLoader
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset

def fill_pipe(items):
    # More than fits in: a worker waits until somebody takes it.
    return bytes(1_000_000)

pipeline = [
    dict(type="SampleClipSpan", span_seconds=0.64),
    dict(type="DecodeAudioVisual", num_frames=4),
    dict(type="PackForgeryInputs", num_steps=4),
]
loaders = [
    DataLoader(
        AudioVisualForgeryDataset("ann.json", pipeline),
        batch_size=1, num_workers=2, collate_fn=fill_pipe, persistent_workers=True,
    )
    for _ in range(2)
]
readers = [iter(loader) for loader in loaders]
for reader in readers:
    next(reader)
print("reading", flush=True)
time.sleep(100)
"""


def processes_of(session):
    """Return the command lines of the running processes of a session by their number."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found[folder.name] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue
    return found


def kill_main(command, folder, num_processes):
    """Kill a command as soon as it has so many processes, and see that all of them end."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    main = subprocess.Popen(
        [sys.executable, "-W", "ignore", *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        while len(processes_of(main.pid)) < num_processes:
            assert main.poll() is None, "it has ended by itself"
            assert time.monotonic() < end, processes_of(main.pid)
            time.sleep(0.02)
        main.kill()
        main.wait()
        end = time.monotonic() + 30
        while left := processes_of(main.pid):
            assert time.monotonic() < end, left
            time.sleep(0.1)
    finally:
        for process_id in processes_of(main.pid):
            os.kill(int(process_id), signal.SIGKILL)


@pytest.fixture
def clips(make_clip, tmp_path):
    for number in range(12):
        make_clip(f"set/{'real' if number % 2 else 'fake'}/{number}.mp4", seconds=1.0)
    return tmp_path / "set"


def test_workers_that_load_end_with_training(clips):
    rows = [
        ClipRow(str(path.relative_to(clips)), 0, 0, 0, duration_seconds=1.0)
        for path in clips.rglob("*.mp4")
    ]
    save_annotation(clips / "ann.json", {"dataset": "d"}, rows)
    # Four workers, each with a child that decodes.
    kill_main(["-c", LOAD], clips, 9)


def test_processes_that_score_end_with_prediction(clips, run_dir, tmp_path):
    tool = REPOSITORY / "tools/predict.py"
    config, weights = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    model = ["--config", config, "--checkpoint", weights, "--device", "cpu"]
    # Two, each with a child that decodes, and Python's tracker of resources.
    kill_main([tool, clips, *model, "--num-workers", 2], tmp_path, 6)


def test_processes_that_look_into_files_end_with_conversion(clips, tmp_path):
    tool = REPOSITORY / "tools/convert_dataset.py"
    kill_main([tool, "generic", clips, "out.json", "--num-workers", 2], tmp_path, 4)
