"""Random numbers of one sample that depend on seed, epoch, index and turn alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class DrawnIndex(int):
    """The index of a sample, and which draw of it in the epoch this is.

    Samplers that draw a sample several times in an epoch yield it; wherever else an index is
    expected, it is one.

    Attributes:
        turn: How often the sample was drawn in the epoch before.
    """

    turn: int

    def __new__(cls, index: int, turn: int) -> "DrawnIndex":
        """Return the index, marked."""
        drawn = super().__new__(cls, index)
        drawn.turn = turn
        return drawn

    def __reduce__(self) -> tuple[type["DrawnIndex"], tuple[int, int]]:
        return DrawnIndex, (int(self), self.turn)


@contextmanager
def seeded_sample(seed: int, epoch: int, index: int) -> Iterator[None]:
    """Seed Python, NumPy and torch's CPU generator inside; restore their states after.

    The same sample of the same epoch is then augmented alike by any worker, on any rank and
    after a resume. MMEngine seeds its workers without regard to the epoch.

    Args:
        seed: Of the run.
        epoch: Counted from 0.
        index: Of the sample in the data set; a :class:`DrawnIndex` that comes up again in the epoch
            is augmented in another way each time.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    # The first turn has the numbers of a plain index: a last word of 0 changes nothing.
    entropy = (seed, epoch, int(index), getattr(index, "turn", 0))
    words = np.random.SeedSequence(entropy).generate_state(3)
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
