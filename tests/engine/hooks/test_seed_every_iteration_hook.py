import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset

from macbdf_mm.engine.hooks import SeedEveryIterationHook
from macbdf_mm.engine.hooks.seed_every_iteration_hook import seed_everything


def draw():
    dropped = torch.nn.functional.dropout(torch.ones(8))
    return random.random(), np.random.random(), dropped.tolist(), torch.randn(1).item()


def test_same_numbers_for_the_same_iteration():
    seed_everything(0, 5, 1)
    first = draw()
    draw()
    seed_everything(0, 5, 1)
    assert draw() == first


@pytest.mark.parametrize("other", [(1, 5, 1), (0, 6, 1), (0, 5, 2), (5, 0, 1), (1, 5, 0)])
def test_other_numbers_otherwise(other):
    """Also where the sum of the three is the same."""
    seed_everything(0, 5, 1)
    first = draw()
    seed_everything(*other)
    for mine, theirs in zip(first, draw(), strict=True):
        assert mine != theirs or isinstance(mine, list)


def test_hook_uses_seed_iteration_and_rank_of_the_run():
    runner = SimpleNamespace(seed=3, iter=7, rank=2)
    SeedEveryIterationHook().before_train_iter(runner, batch_idx=0)
    first = draw()
    seed_everything(3, 7, 2)
    assert draw() == first


class _Epochs(Dataset):
    epoch = None

    def __len__(self):
        return 1

    def set_epoch(self, epoch):
        self.epoch = epoch


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: Subset(d, [0]), lambda d: ConcatDataset([d])]
)
def test_every_wrapped_data_set_learns_the_epoch(wrap):
    dataset = _Epochs()
    loader = SimpleNamespace(dataset=wrap(dataset))
    SeedEveryIterationHook().before_train_epoch(SimpleNamespace(train_dataloader=loader, epoch=4))
    assert dataset.epoch == 4
