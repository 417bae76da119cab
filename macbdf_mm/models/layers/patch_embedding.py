"""Tubelets of a video, or patches of a spectrogram, to tokens on a grid."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn


def grid_of(size: Sequence[int], patch: Sequence[int]) -> tuple[int, ...]:
    """Return how many patches fit along each axis.

    Args:
        size: Length of each axis of the input, without batch and channels.
        patch: Length of a patch along each axis.

    Raises:
        ValueError: If an axis is not a multiple of its patch.
    """
    if len(size) != len(patch) or any(s < p or s % p for s, p in zip(size, patch, strict=True)):
        raise ValueError(
            f"Expected an input whose axes are multiples of the patch {tuple(patch)}, "
            f"got {tuple(size)}. Change the size of the clips or the patch."
        )
    return tuple(s // p for s, p in zip(size, patch, strict=True))


class PatchEmbedding(nn.Module):
    """One linear map of each patch: a convolution whose stride is its kernel.

    With three axes these are VideoMAE's tubelets, with two the patches of a spectrogram.

    Args:
        in_channels: Channels of the input.
        embed_dims: Channels C of the tokens.
        patch: Length of a patch along each of the two or three axes.
    """

    def __init__(self, in_channels: int, embed_dims: int, patch: Sequence[int]) -> None:
        super().__init__()
        conv: Callable[..., nn.Module] = nn.Conv3d if len(patch) == 3 else nn.Conv2d
        self.patch = tuple(patch)
        self.projection = conv(in_channels, embed_dims, self.patch, stride=self.patch)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens on their grid, (B, C, *grid), of ``x`` (B, in_channels, *size)."""
        grid_of(x.shape[2:], self.patch)
        return self.projection(x)
