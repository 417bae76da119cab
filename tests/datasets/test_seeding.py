import pickle
import random

import numpy as np
import torch

from macbdf_mm.datasets.seeding import DrawnIndex, seeded_sample


def draw():
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_draws_follow_from_seed_epoch_and_index():
    def drawn(*key):
        with seeded_sample(*key):
            return draw()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    others = {drawn(*key) for key in [(1, 2, 3), (0, 2, 3), (1, 0, 3), (1, 2, 0), (2, 1, 3)]}
    assert len(others) == 5


def test_every_turn_of_an_index_has_draws_of_its_own():
    def drawn(index):
        with seeded_sample(1, 2, index):
            return draw()

    assert drawn(DrawnIndex(3, 0)) == drawn(3)
    again = pickle.loads(pickle.dumps(DrawnIndex(3, 1)))
    assert (again, again.turn) == (3, 1)
    assert drawn(again) == drawn(DrawnIndex(3, 1))
    assert len({drawn(DrawnIndex(3, turn)) for turn in range(4)}) == 4


def test_states_are_restored_even_after_an_error():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    expected = draw()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    try:
        with seeded_sample(5, 0, 0):
            draw()
            raise KeyError
    except KeyError:
        pass
    assert draw() == expected
