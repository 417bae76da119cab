"""A test of many windows where a process may open few files."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NUM_WINDOWS, FEW = 160, 200
CONFIG = """
_base_ = ["{root}/configs/macbdf_demo.py"]
custom_imports = dict(imports=["macbdf_mm", "small_detector"], allow_failed_imports=False)
model = dict(_delete_=True, type="SmallDetector")
pipeline = [
    dict(type="SampleClipSpan", span_seconds=0.32, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames=8),
    dict(type="PackForgeryInputs", num_steps=8),
]
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root="{folder}", windows_per_clip={windows}, pipeline=pipeline),
)
"""
DETECTOR = """
import os
import torch
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import MODELS

@MODELS.register_module()
class SmallDetector(BaseForgeryDetector):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        for sample in data_samples:
            sample.pred_scores = torch.full((3,), 0.5)
            sample.pred_video_steps = sample.pred_audio_steps = torch.full((8,), 0.5)
        return data_samples
"""


def limit_open_files():
    # MMEngine raises the soft limit as far as the hard one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


@pytest.mark.parametrize("options", [(), ("--dump", "all.pkl")])
def test_windows_that_are_kept_hold_no_shared_memory(make_clip, tmp_path, options):
    make_clip("clip.mp4", seconds=2.0)
    row = dict(file="clip.mp4", video_label=1, audio_label=0, split="test", duration_seconds=2.0)
    annotation = {"metainfo": {"dataset": "few", "version": 1}, "data_list": [row]}
    (tmp_path / "annotation.json").write_text(json.dumps(annotation))
    (tmp_path / "small_detector.py").write_text(DETECTOR)
    config = tmp_path / "few.py"
    config.write_text(CONFIG.format(root=ROOT, folder=tmp_path, windows=NUM_WINDOWS))
    make_weights = "import torch; torch.save({'state_dict': {'weight': torch.zeros(()), \
'decision_threshold': torch.full((3,), 0.5), 'is_threshold_fitted': torch.tensor(False), \
'real_windows': torch.zeros(3, 68, dtype=torch.float64), \
'proposal_settings': torch.zeros(3, 24, dtype=torch.float64)}}, 'w.pth')"
    subprocess.run([sys.executable, "-c", make_weights], cwd=tmp_path, check=True)
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "tools" / "test.py",
            config,
            "w.pth",
            "--work-dir",
            "run",
            *options,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "OMP_NUM_THREADS": "1"},
        preexec_fn=limit_open_files,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    video = json.loads((tmp_path / "run" / "test_scores.jsonl").read_text())
    assert len(video["windows"]) == NUM_WINDOWS
