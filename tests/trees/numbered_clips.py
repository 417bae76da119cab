"""A test of clips that are numbers, and of a detector that knows their scores.

A score depends on the clip alone, not on the batch. Run as a program, it is one of two gloo ranks
(arguments: rank, folder): it validates, stops a test in the middle, and goes on.
"""

import itertools
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.apis.evaluate_model import evaluate_model, write_scores_to
from macbdf_mm.engine.distributed import prepare_launcher
from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import DATASETS, MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

BASE = Path(__file__).parents[2] / "configs/_base_/default_runtime.py"
# Odd, so that one is repeated for the second of two ranks.
NUM_CLIPS = 61
NUM_STEPS = 8
_names = itertools.count()


class Stopped(Exception):
    """The test is interrupted."""


@DATASETS.register_module(force=True)
class NumberedClips(BaseDataset):
    """Clips of one window each; their files lie in a folder, and those in ``broken`` are broken.

    Args:
        folder: Where the files are.
        num_clips: How many.
        broken: Numbers of the clips that cannot be read.
    """

    def __init__(self, folder: str, num_clips: int = NUM_CLIPS, broken: tuple[int, ...] = ()):
        self.folder, self.num_clips, self.broken = Path(folder), num_clips, broken
        super().__init__(metainfo={"dataset": "numbers"}, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        return [
            {"file": f"{number}.mp4", "path": str(self.folder / f"{number}.mp4"), "number": number}
            for number in range(self.num_clips)
        ]

    def __getitem__(self, index: int) -> dict[str, Any]:
        info = self.get_data_info(index)
        # The first clip is odd: if it counted twice, all that is fitted would be another.
        is_fake = index % 2 == 0
        steps = torch.zeros(NUM_STEPS, dtype=torch.int64)
        steps[2 : 3 + index % 5] = is_fake
        sample = ForgeryDataSample(gt_video_steps=steps, gt_audio_steps=steps)
        intervals = [(0.2, 0.3 + 0.1 * (index % 5))] if is_fake else []
        sample.set_metainfo(
            {
                "file": info["file"],
                "path": info["path"],
                "dataset_name": "numbers",
                "span_seconds": (0.0, 0.1 * NUM_STEPS),
                "duration_seconds": 0.1 * NUM_STEPS,
                "clip_label": int(is_fake),
                "clip_video_label": int(is_fake),
                "clip_audio_label": int(is_fake),
                "video_fake_intervals": intervals,
                "audio_fake_intervals": intervals,
                "category": "FVFA" if is_fake else "RVRA",
                "extra": {"rate": 0.1, "kind": "née"},
                "unusable": {"audio": "silent"} if index % 7 == 0 else {},
                "decode_error": "cut short" if index in self.broken else None,
            }
        )
        return {"inputs": torch.tensor(info["number"]), "data_samples": sample}


@MODELS.register_module(force=True)
class KnowsNumbers(BaseForgeryDetector):
    """Scores a clip by its number; stops at a batch of this process if it is told to.

    :attr:`seen` has the numbers of all clips that were scored.
    """

    stop_at: int | None = None
    seen: list[int] = []

    def __init__(self, bias: float = 0.0):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = "tensor") -> Any:
        if type(self).stop_at == 0:
            raise Stopped
        if type(self).stop_at is not None:
            type(self).stop_at -= 1
        for number, sample in zip(inputs, data_samples, strict=True):
            type(self).seen.append(int(number))
            generator = np.random.default_rng(int(number))
            is_fake = float(number % 2 == 0)
            logits = generator.normal(2 * is_fake - 1 - 4 * (number == 0), 1.2, 3)
            scores = 1 / (1 + np.exp(-logits - float(self.bias)))
            scores[2] = np.nan if number % 7 == 0 else scores[2]
            sample.pred_scores = torch.tensor(scores, dtype=torch.float32)
            truth = sample.gt_video_steps.numpy()
            for track in ("video", "audio"):
                found = 0.2 + 0.5 * truth + generator.normal(0, 0.15, NUM_STEPS)
                found += np.nan if track == "audio" and number % 7 == 0 else 0
                setattr(sample, f"pred_{track}_steps", torch.tensor(found.clip(0, 1)).float())
            if sample.get("decode_error"):
                sample.pred_scores = torch.full((3,), torch.nan)
        return data_samples


def config(folder: Path, name: str = "run", **dataset: Any) -> Config:
    """Return a config whose test writes ``NAME/test_scores.jsonl``; clips lie in ``clips/``."""
    cfg = Config.fromfile(str(BASE))
    loader = {
        "batch_size": 4,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "collate_fn": {"type": "pseudo_collate"},
        "dataset": {"type": "NumberedClips", "folder": str(folder / "clips"), **dataset},
    }
    cfg.merge_from_dict(
        {
            "work_dir": str(folder / name),
            # MMEngine keeps loggers by name, for the whole process.
            "experiment_name": f"{name}_{os.getpid()}_{next(_names)}",
            "log_level": "ERROR",
            "default_hooks": {"checkpoint": {"save_best": None}},
            "model": {"type": "KnowsNumbers"},
            "val_dataloader": loader,
            "test_dataloader": loader,
            "val_cfg": {},
            "test_cfg": {},
            "val_evaluator": {"type": "ForgeryMetric", "fit_threshold": True, "max_error": 0.4},
            "test_evaluator": {"type": "ForgeryMetric", "num_resamples": 0},
        }
    )
    write_scores_to(cfg, folder / name / "test_scores.jsonl")
    return cfg


def fitted_buffers(cfg: Config) -> dict[str, torch.Tensor]:
    """Return what a validation writes into the buffers of the model."""
    runner = build_runner(cfg)
    runner.val()
    return dict(bare_model(runner).named_buffers())


def save_weights(path: Path, bias: float = 0.0) -> Path:
    """Save the weights of a detector."""
    torch.save({"state_dict": KnowsNumbers(bias).state_dict(), "meta": {}}, path)
    return path


def stop_and_go_on(cfg: Config, weights: Path, stop_at: int) -> list[int]:
    """Stop a test before a batch, go on, and return which clips were scored after the stop."""
    KnowsNumbers.stop_at = stop_at
    try:
        evaluate_model(cfg.copy(), weights)
    except Stopped:
        KnowsNumbers.stop_at = None
    KnowsNumbers.seen = []
    evaluate_model(cfg.copy(), weights)
    return KnowsNumbers.seen


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder / 'store'}", rank=rank, world_size=2)
    cfg = config(folder, "two_ranks")
    prepare_launcher(cfg, "pytorch")
    found = {
        "buffers": fitted_buffers(cfg.copy()),
        "seen": stop_and_go_on(cfg, folder / "weights.pth", stop_at=3),
    }
    torch.save(found, folder / f"rank_{rank}.pth")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
