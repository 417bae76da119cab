"""Random numbers that follow from the seed and the iteration, not from what ran before."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.engine.unwrap import nested_datasets
from macbdf_mm.registry import HOOKS


@HOOKS.register_module()
class SeedEveryIterationHook(Hook):
    """Seeds Python, NumPy and PyTorch from (seed, iteration, rank) before every iteration.

    MMEngine saves no random state, so dropout after a resume would differ from that of an
    uninterrupted run. The hook also tells the training set the epoch, which seeds its
    augmentation by (seed, epoch, index). See ``docs/decisions/0003-reproducibility.md``.
    """

    # After the hooks that count time and before any that could draw a number.
    priority = "ABOVE_NORMAL"

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the training set, and those it wraps, which epoch begins."""
        for dataset in nested_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, "set_epoch"):
                dataset.set_epoch(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed everything that the model may draw from."""
        seed_everything(runner.seed, runner.iter, runner.rank)


def seed_everything(seed: int, iteration: int, rank: int) -> None:
    """Seed Python, NumPy and PyTorch on all devices by three numbers at once.

    ``SeedSequence`` mixes them, so that neighbouring iterations and ranks share no stream, as
    the sum of the three would.
    """
    state = np.random.SeedSequence((seed, iteration, rank)).generate_state(3)
    random.seed(int(state[0]))
    np.random.seed(int(state[1]))
    torch.manual_seed(int(state[2]))
