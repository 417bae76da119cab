"""A detector and a data set of a few numbers, with everything that makes a resume hard.

Dropout in the model, noise as augmentation in the data workers, thresholds in buffers. The
environment can make the process kill itself: ``TOY_KILL_AT_ITERATION`` in the middle of an
epoch, ``TOY_KILL_AT_SYNC`` in the middle of writing its n-th file, ``TOY_KILL_AT_BATCH`` in the
middle of a validation or test.
"""

import os
import signal
import stat

import numpy as np
import torch
from torch.utils.data import Dataset

from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import DATASETS, MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

NUM_FEATURES = 6


@DATASETS.register_module()
class ToyDataset(Dataset):
    def __init__(self, num_clips=16, seed=0):
        self.metainfo = {"dataset": "toy", "synthetic": True, "scale": np.float64(1.0)}
        self.num_clips = num_clips
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch):
        self._epoch.fill_(epoch)

    def __len__(self):
        return self.num_clips

    def get_data_info(self, index):
        return {"file": f"clip{index:03d}.mp4"}

    def __getitem__(self, index):
        label = index % 2
        generator = np.random.default_rng((self.seed, int(self._epoch), index))
        features = generator.normal(label, 1.5, NUM_FEATURES).astype(np.float32)
        sample = ForgeryDataSample(gt_label=torch.tensor(label))
        sample.set_metainfo(
            {
                "file": f"clip{index:03d}.mp4",
                "span_seconds": (0.0, 1.0),
                "clip_label": label,
                "clip_video_label": label,
                "clip_audio_label": label,
                "category": "FVFA" if label else "RVRA",
                "method": "toy" if label else None,
                "extra": {},
            }
        )
        return {"inputs": torch.from_numpy(features), "data_samples": sample}


@MODELS.register_module()
class ToyDetector(BaseForgeryDetector):
    def __init__(self, width=8, drop_rate=0.5):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(NUM_FEATURES, width),
            torch.nn.ReLU(),
            torch.nn.Dropout(drop_rate),
            torch.nn.Linear(width, 3),
        )
        self.num_steps = self.num_batches = 0
        _arm_kill_at_sync()

    def forward(self, inputs, data_samples=None, mode="tensor"):
        logits = self.layers(torch.stack(list(inputs)))
        if mode == "loss":
            self.num_steps += 1
            if self.num_steps == int(os.environ.get("TOY_KILL_AT_ITERATION", -1)):
                os.kill(os.getpid(), signal.SIGKILL)
            targets = torch.stack([s.gt_label for s in data_samples]).float()
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, targets[:, None].expand_as(logits), reduction="none"
            )
            overall, video, audio = losses.mean(dim=0) / 3
            return {"loss_overall": overall, "loss_frame_video": video, "loss_frame_audio": audio}
        self.num_batches += 1
        if self.num_batches == int(os.environ.get("TOY_KILL_AT_BATCH", -1)):
            os.kill(os.getpid(), signal.SIGKILL)
        for sample, scores in zip(data_samples, logits.sigmoid(), strict=True):
            sample.pred_scores = scores
        return data_samples


def _arm_kill_at_sync():
    countdown = int(os.environ.get("TOY_KILL_AT_SYNC", -1))
    real_fsync = os.fsync

    def fsync(descriptor):
        nonlocal countdown
        countdown -= not stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if countdown == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real_fsync(descriptor)

    if countdown > 0:
        os.fsync = fsync
