import math

import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d

from macbdf_mm.models.layers.positional_embedding import PositionalEmbedding, sine_cosine_table


def test_table_holds_sines_and_cosines():
    table = sine_cosine_table(7, 6)
    for position in range(7):
        for pair in range(3):
            angle = position / 10000 ** (2 * pair / 6)
            assert table[position, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_own_grid_gives_the_table():
    positions = PositionalEmbedding((2, 3, 4), 8)
    assert torch.equal(positions((2, 3, 4)), positions.table)


@pytest.mark.parametrize("grid", [(2, 6, 4), (4, 3, 4), (5, 2, 7)])
def test_shape_on_other_grids(grid):
    assert PositionalEmbedding((2, 3, 4), 8)(grid).shape == (1, math.prod(grid), 8)


def test_time_is_interpolated_linearly():
    positions = PositionalEmbedding((3, 2, 2), 4, learnable=True)
    series = positions.table.detach().numpy().reshape(3, 16)
    # Centres of 6 steps on the axis of 3 steps, held constant beyond the outer centres.
    centres = np.clip((np.arange(6) + 0.5) / 2 - 0.5, 0, 2)
    expected = interp1d(np.arange(3), series, axis=0)(centres).reshape(1, 24, 4)
    np.testing.assert_allclose(positions((6, 2, 2)).detach().numpy(), expected, atol=1e-6)


def test_space_is_interpolated_step_by_step():
    positions = PositionalEmbedding((2, 4, 4), 8, learnable=True)
    single = PositionalEmbedding((4, 4), 8, learnable=True)
    single.table = torch.nn.Parameter(positions.table[:, 16:])
    torch.testing.assert_close(positions((2, 6, 8))[:, 48:], single((6, 8)))


def test_a_constant_table_stays_constant():
    positions = PositionalEmbedding((2, 3, 3), 4, learnable=True)
    torch.nn.init.constant_(positions.table, 0.7)
    torch.testing.assert_close(positions((5, 7, 2)), torch.full((1, 70, 4), 0.7))


def test_only_a_learnable_table_is_trained():
    assert not list(PositionalEmbedding((2, 2), 4).parameters())
    learnable = PositionalEmbedding((2, 2), 4, learnable=True)
    learnable((3, 3)).sum().backward()
    assert learnable.table.grad.abs().sum() > 0


def test_table_travels_in_checkpoints():
    assert "table" in PositionalEmbedding((2, 2), 4).state_dict()
