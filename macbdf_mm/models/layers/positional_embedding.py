"""Positions of tokens on a grid, carried over to grids of another size."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sine_cosine_code(positions: Tensor, embed_dims: int) -> Tensor:
    """Return the sine-cosine code of positions (N,), shape (N, embed_dims), of their dtype.

    The code of Vaswani et al. 2017: even channels hold sines, odd ones cosines.
    """
    channel = torch.arange(embed_dims, dtype=positions.dtype, device=positions.device)
    rate = torch.pow(10000.0, -(channel - channel % 2) / embed_dims)
    angle = positions[:, None] * rate
    return torch.where(channel % 2 == 0, angle.sin(), angle.cos())


def sine_cosine_table(num_positions: int, embed_dims: int) -> Tensor:
    """Return the code of 0..num_positions-1, (num_positions, embed_dims), float32.

    Over the flattened grid, as VideoMAE uses it.
    """
    return sine_cosine_code(torch.arange(num_positions, dtype=torch.float64), embed_dims).float()


class PositionalEmbedding(nn.Module):
    """A table of positions, interpolated where the grid differs from the one it is made for.

    The last two axes are interpolated together (bicubic), an earlier time axis linearly.
    mmaction2's ``VisionTransformer`` does the former and has no answer for the latter.

    Args:
        grid: The grid that the table is made for: that of pretraining, if there was one.
        embed_dims: Channels C of the tokens.
        learnable: Whether the table is trained; otherwise it holds sines and cosines.

    Attributes:
        table: (1, prod(grid), C) float32, a parameter or a buffer.
    """

    table: Tensor

    def __init__(self, grid: Sequence[int], embed_dims: int, learnable: bool = False) -> None:
        super().__init__()
        self.grid = tuple(grid)
        num_positions = math.prod(self.grid)
        if learnable:
            self.table = nn.Parameter(torch.empty(1, num_positions, embed_dims))
            nn.init.trunc_normal_(self.table, std=0.02)
        else:
            self.register_buffer("table", sine_cosine_table(num_positions, embed_dims)[None])

    def no_weight_decay(self) -> list[str]:
        """Return the names of the parameters that are places, not weights."""
        return ["table"] if isinstance(self.table, nn.Parameter) else []

    def forward(self, grid: Sequence[int]) -> Tensor:
        """Return the positions of a grid with as many axes, (1, prod(grid), C)."""
        if tuple(grid) == self.grid:
            return self.table
        planes = self.table.reshape(-1, *self.grid[-2:], self.table.shape[-1])
        planes = planes.permute(0, 3, 1, 2)  # (T or 1, C, H, W)
        if tuple(grid[-2:]) != self.grid[-2:]:
            planes = F.interpolate(planes, size=tuple(grid[-2:]), mode="bicubic")
        if len(grid) == 3 and grid[0] != self.grid[0]:
            planes = _interpolate_time(planes, grid[0])
        return planes.permute(0, 2, 3, 1).reshape(1, -1, self.table.shape[-1])


def _interpolate_time(planes: Tensor, num_steps: int) -> Tensor:
    """Return (num_steps, C, H, W): the planes (T, C, H, W) interpolated along their first axis."""
    series = planes.flatten(1).t()[None]  # (1, C*H*W, T)
    series = F.interpolate(series, size=num_steps, mode="linear")
    return series[0].t().reshape(num_steps, *planes.shape[1:])
