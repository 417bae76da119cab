"""Random numbers of one sample that depend on seed, epoch and index alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded_sample(seed: int, epoch: int, index: int) -> Iterator[None]:
    """Seed Python, NumPy and torch's CPU generator inside; restore their states after.

    The same sample of the same epoch is then augmented alike by any worker, on any rank and
    after a resume. MMEngine seeds its workers without regard to the epoch.

    Args:
        seed: Of the run.
        epoch: Counted from 0.
        index: Of the sample in the data set.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    words = np.random.SeedSequence((seed, epoch, index)).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    # Not torch.manual_seed, which would also reseed every GPU.
    torch.default_generator.manual_seed(int(words[2]))
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
