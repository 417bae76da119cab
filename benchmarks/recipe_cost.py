"""What training by the configs for real data costs: parameters, operations, memory, hours.

``python -m benchmarks.recipe_cost`` prints the tables of ``docs/results/performance.md``.
Operations are counted and the loading is measured, both on the CPU; the hours on a GPU are an
estimate.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import torch
from mmengine.config import Config
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.calls import build_training_model, random_batch
from benchmarks.settings import CPU
from benchmarks.workers import crops_dataset
from macbdf_mm.apis.command_line import load_config, run_command
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.media.spans import plan_windows
from macbdf_mm.utils.tables import markdown_table

CONFIGS = Path(__file__).parents[1] / "configs"
# Dense products in bfloat16 that the maker states for an H200, in operations a second.
PEAK_OPERATIONS = 989e12
# The share of them that training reaches is not known; a guess, and what would be good.
SHARES = (0.15, 0.35)
# A backward pass costs two forward ones, by the input and by the weights, and OM-Pareto runs two.
PASSES_OF_A_STEP = 1 + 2 * 2
NUM_CORES = 16


@dataclass(frozen=True)
class Parts:
    """Clips of a data set.

    Attributes:
        num_train: To train on.
        num_val: To validate on.
        seconds: Their usual length.
    """

    num_train: int
    num_val: int
    seconds: float


# As published, or shares of 0.7 and 0.1 of all labelled clips where the split is ours.
DATA_SETS = {
    "dfdc": Parts(119_154, 4_000, 10.0),
    "fakeavceleb": Parts(15_081, 2_154, 8.0),
    "lavdf": Parts(78_703, 31_501, 8.6),
    "av_deepfake1m": Parts(562_464, 80_352, 9.0),
    "defakeavmit": Parts(4_536, 648, 5.0),
}


@dataclass(frozen=True)
class RecipeCost:
    """Cost of training by a config.

    Attributes:
        num_drawn: Clips that training draws, in all epochs.
        num_windows: Windows that validation looks at, in all epochs.
        operations: Floating-point operations of both.
    """

    num_drawn: int
    num_windows: int
    operations: float

    def gpu_hours(self, share: float) -> float:
        """Return the hours at a share of the peak of one GPU."""
        return self.operations / (share * PEAK_OPERATIONS) / 3600

    def loading_hours(self, milliseconds: float, num_cores: int) -> float:
        """Return the hours in which cores load all, at so many of one core for one of them."""
        return (self.num_drawn + self.num_windows) * milliseconds / 1000 / num_cores / 3600


def forward_operations(cfg: Config) -> int:
    """Return the floating-point operations of a forward pass of the config's model, for one clip.

    The taps of depthwise convolutions that read only padding are left out, as the CPU does.
    """
    model = build_training_model(cfg, 0, CPU)
    data = model.data_preprocessor(random_batch(cfg, 1, seed=0), training=True)
    # PyTorch does not count the fused attention of the CPU.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**data, mode="loss")
    return int(counter.get_total_flops())


def recipe_cost(cfg: Config, parts: Parts, operations: float) -> RecipeCost:
    """Return what training by a config costs.

    Args:
        cfg: The config.
        parts: Of its data set.
        operations: Of a forward pass of its model.
    """
    num_epochs = cfg.train_cfg.max_epochs
    per_epoch = cfg.train_dataloader.sampler.get("num_samples") or parts.num_train
    chooser = cfg.val_dataloader.dataset.pipeline[0]
    windows = plan_windows(
        parts.seconds, chooser.span_seconds, stride_seconds=chooser.stride_seconds
    )
    num_windows = num_epochs // cfg.train_cfg.val_interval * parts.num_val * len(windows)
    num_drawn = num_epochs * per_epoch
    total = operations * (PASSES_OF_A_STEP * num_drawn + num_windows)
    return RecipeCost(num_drawn, num_windows, total)


def loading_milliseconds(cfg: Config, num_items: int, num_rounds: int = 3) -> float:
    """Return the milliseconds of one core in which the training pipeline makes a clip.

    From prepared mp4 crops of 224 pixels, augmentation included; the median of the rounds.
    """
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        crops_dataset(Path(folder), seed=0)
        # Read in this process, whose time is measured.
        dataset = AudioVisualForgeryDataset(
            "annotation.json",
            cfg.train_dataloader.dataset.pipeline,
            folder,
            decode_time_limit_seconds=None,
        )
        dataset[0]
        rounds = []
        for epoch in range(num_rounds):
            dataset.set_epoch(epoch)
            begin = time.process_time()
            for index in range(num_items):
                dataset[index % len(dataset)]
            rounds.append(1000 * (time.process_time() - begin) / num_items)
    return median(rounds)


def describe(milliseconds: float | None = None) -> str:
    """Return the tables as Markdown.

    Args:
        milliseconds: What loading a clip takes; None measures it.
    """
    cfg = load_config(CONFIGS / "macbdf_dfdc.py")
    operations = forward_operations(cfg)
    num_parameters = sum(
        weight.numel() for weight in build_training_model(cfg, 0, CPU).parameters()
    )
    if milliseconds is None:
        milliseconds = loading_milliseconds(cfg, num_items=60)
    head = ["data set", "clips drawn", "windows validated", "operations"]
    head += [f"GPU hours at {share:.0%}" for share in reversed(SHARES)]
    head += [f"loading, hours of {NUM_CORES} cores"]
    rows = []
    for name, parts in DATA_SETS.items():
        cost = recipe_cost(load_config(CONFIGS / f"macbdf_{name}.py"), parts, operations)
        rows.append(
            [
                f"`macbdf_{name}.py`",
                f"{cost.num_drawn:,}",
                f"{cost.num_windows:,}",
                f"{cost.operations:.1e}",
                *(f"{cost.gpu_hours(share):.1f}" for share in reversed(SHARES)),
                f"{cost.loading_hours(milliseconds, NUM_CORES):.1f}",
            ]
        )
    return (
        f"{num_parameters / 1e6:.1f} M parameters; {operations / 1e9:.0f} GFLOP a clip forward, "
        f"{PASSES_OF_A_STEP * operations / 1e9:.0f} in a step; {milliseconds:.1f} ms of a core to "
        f"load a clip.\n\n{markdown_table(head, rows)}\n"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loading-ms", type=float, help="of a clip (default: measured here)")
    print(describe(parser.parse_args().loading_ms))


if __name__ == "__main__":
    sys.exit(run_command(main))
