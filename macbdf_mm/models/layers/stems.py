"""From a video or a spectrogram to tokens on a grid: by patches, or by strided convolutions."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.step_masks import TIME_DIMS, silence_invalid, step_mask

_CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def grid_of(size: Sequence[int], patch: Sequence[int]) -> tuple[int, ...]:
    """Return how many patches fit along each axis.

    Args:
        size: Length of each axis of the input, without batch and channels.
        patch: Length of a patch along each axis.

    Raises:
        ValueError: If an axis is not a multiple of its patch.
    """
    if len(size) != len(patch) or any(s < p or s % p for s, p in zip(size, patch, strict=True)):
        raise ArgumentError(
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
        self.patch = tuple(patch)
        self.projection = _CONV[len(patch)](in_channels, embed_dims, self.patch, stride=self.patch)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the tokens on their grid, (B, C, *grid), of ``x`` (B, in_channels, *size).

        No patch reads another: ``mask`` changes nothing.
        """
        grid_of(x.shape[2:], self.patch)
        return self.projection(x)


class ConvolutionalStem(nn.Module):
    """Strided 3-tap convolutions with norm and GELU, then a 1x1 to the encoder's width.

    After Xiao et al. 2021, "Early Convolutions Help Transformers See Better": it reaches the
    same grid as :class:`PatchEmbedding`, sees high-frequency artefacts that a large patch
    averages away, and trains far faster from scratch. A design choice of ours; pretrained
    VideoMAE weights need the patches.

    Args:
        in_channels: Channels of the input.
        embed_dims: Channels C of the tokens.
        patch: Stride of the whole stem along each of the two or three axes, powers of two.

    Raises:
        ValueError: If a stride is not a power of two, or all are 1.
    """

    def __init__(self, in_channels: int, embed_dims: int, patch: Sequence[int]) -> None:
        super().__init__()
        if any(p < 1 or p & (p - 1) for p in patch) or max(patch) == 1:
            raise ArgumentError(
                "Expected `patch` sizes that are powers of two for the convolutional stem, "
                f"got {tuple(patch)}. Change them or use stem='tubelet'."
            )
        self.patch = tuple(patch)
        strides = _halvings(self.patch)
        widths = [max(embed_dims >> (len(strides) - 1 - i), 8) for i in range(len(strides))]
        conv, norm = _CONV[len(patch)], _NORM[len(patch)]
        stages: list[nn.Module] = []
        for width, stride in zip(widths, strides, strict=True):
            stages += [
                conv(in_channels, width, 3, stride=stride, padding=1, bias=False),
                norm(width),
                nn.GELU(),
            ]
            in_channels = width
        self.stages = nn.Sequential(*stages)
        self.projection = conv(in_channels, embed_dims, 1)
        self._init_convolutions()

    def _init_convolutions(self) -> None:
        """Keep the variance through the stages (He et al. 2015)."""
        for module in self.stages:
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the tokens on their grid, (B, C, *grid), of ``x`` (B, in_channels, *size).

        Each convolution reads zeros where nothing is valid: a norm has written there.

        Args:
            x: Zero where it is not valid.
            mask: (B, T) bool over its time axis; None if all is valid.
        """
        grid_of(x.shape[2:], self.patch)
        if mask is None:
            return self.projection(self.stages(x))
        time_dim = TIME_DIMS[len(self.patch)]
        for layer in self.stages:
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                x = silence_invalid(x, step_mask(mask, x.shape[time_dim]), time_dim)
            x = layer(x)
        return self.projection(x)


def _halvings(patch: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the stride of each stage, 1 or 2 an axis; the early stages halve every axis.

    Halving early keeps the wide, late stages small, where most of the work is.
    """
    num_stages = max(p.bit_length() - 1 for p in patch)
    return [
        tuple(2 if stage < p.bit_length() - 1 else 1 for p in patch) for stage in range(num_stages)
    ]
