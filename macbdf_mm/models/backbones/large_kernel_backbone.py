"""The two towers of large-kernel attention, and what they share."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.contracts import Encoder, check_part
from macbdf_mm.models.layers.large_kernel_attention import DEFAULT_KERNELS
from macbdf_mm.models.layers.mstlka_block import DEFAULT_RESIDUAL_SCALE, MSTLKABlock
from macbdf_mm.models.layers.step_masks import TIME_DIMS, silence_invalid, step_mask
from macbdf_mm.ops import Linear
from macbdf_mm.registry import MODELS, build_part

AudioFormat = Literal["NCFT", "NCTF"]


class LargeKernelBackbone(BaseModule):
    """An encoder and layers of large-kernel attention over its map.

    :meth:`forward` runs all of it, so that a tower is a backbone of its own; a detector that
    exchanges features between towers calls :meth:`encode` and then each of ``layers``.

    Args:
        encoder: Config of the encoder, or the encoder, an
            :class:`~macbdf_mm.models.contracts.Encoder`.
        num_dims: 3 for video, 2 for audio.
        depth: Number of layers; at 0 the encoder's map is the result.
        embed_dims: Working width of the layers. Where the encoder's differs, a 1x1 convolution
            leads from one to the other.
        kernels: (DW, DWD, dilation, G) of each scale of a layer.
        gate_kernel_size: Taps of the depthwise convolution in the GSAU.
        residual_scale: Start of lambda_1 and lambda_2 of each layer.
        with_cp: Whether layers keep only their input and are computed again in the backward
            pass (gradient checkpointing); the encoder has a switch of its own.
        init_cfg: MMEngine's initialisation.

    Attributes:
        layers: ``depth`` modules, each from (B, C, ...) and a mask over its time axis, or None, to
            the same shape.

    Raises:
        ConfigError: If the encoder lacks what its protocol asks for.
        ValueError: If the depth is negative, or the scales do not divide ``embed_dims``.
    """

    def __init__(
        self,
        encoder: Mapping[str, Any] | nn.Module,
        num_dims: int,
        depth: int = 6,
        embed_dims: int = 192,
        kernels: Sequence[Sequence[int]] = DEFAULT_KERNELS,
        gate_kernel_size: int = 7,
        residual_scale: float = DEFAULT_RESIDUAL_SCALE,
        with_cp: bool = False,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if depth < 0:
            raise ArgumentError(f"Expected `depth` >= 0, got {depth}.")
        self.encoder = build_part(MODELS, encoder)
        check_part(self.encoder, Encoder, "encoder")
        self.num_dims = num_dims
        self.time_dim = TIME_DIMS[num_dims]
        self.depth = depth
        self.embed_dims = embed_dims
        if self.encoder.embed_dims == embed_dims:
            self.project: nn.Module = nn.Identity()
        else:
            self.project = Linear(self.encoder.embed_dims, embed_dims)
        self.layers = nn.ModuleList(
            MSTLKABlock(embed_dims, num_dims, kernels, gate_kernel_size, residual_scale, with_cp)
            for _ in range(depth)
        )

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the encoder's map at the working width, (B, embed_dims, *grid).

        It is zero where nothing is valid.

        Args:
            x: The encoder's input.
            mask: (B, T) bool over its time axis; None if all is valid.

        Raises:
            ValueError: If the encoder returns anything but a map, (B, C, *grid).
        """
        encoded = self.encoder(x, mask)
        expected = (x.shape[0], self.encoder.embed_dims)
        is_map = isinstance(encoded, Tensor) and encoded.dim() == 2 + self.num_dims
        if not is_map or tuple(encoded.shape[:2]) != expected:
            got = f"shape {tuple(encoded.shape)}" if isinstance(encoded, Tensor) else type(encoded)
            raise ArgumentError(
                f"Expected the encoder {type(self.encoder).__name__} to return a map (B, C, "
                f"*grid) with {self.num_dims} axes of the grid, B = {expected[0]} and C = "
                f"`embed_dims` = {expected[1]}, got {got}."
            )
        projected = self.project(encoded.movedim(1, -1)).movedim(-1, 1)
        # The projection has a bias.
        return silence_invalid(projected, self._steps(mask, projected), self.time_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the last layer's map, (B, embed_dims, *grid), zero where nothing is valid.

        Arguments are those of :meth:`encode`.
        """
        x = self.encode(x, mask)
        steps = self._steps(mask, x)
        for layer in self.layers:
            x = layer(x, steps)
        return silence_invalid(x, steps, self.time_dim)

    def _steps(self, mask: Tensor | None, grid_map: Tensor) -> Tensor | None:
        """Return which steps of a map are valid, (B, T') bool; None if all are."""
        return None if mask is None else step_mask(mask, grid_map.shape[self.time_dim])


@MODELS.register_module()
class MSTLKABackbone(LargeKernelBackbone):
    """Video encoder and multi-scale spatio-temporal large-kernel attention (3.1, 3.2.3).

    A valid backbone of mmaction2's ``Recognizer3D``: (B, 3, T, H, W) to
    (B, embed_dims, T', H', W').

    Args:
        **kwargs: As :class:`LargeKernelBackbone`, without ``num_dims``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num_dims=3, **kwargs)


@MODELS.register_module()
class MFTLKABackbone(LargeKernelBackbone):
    """Audio encoder and multi-scale frequency-time large-kernel attention (3.1, 3.2.3).

    A valid backbone of mmaction2's ``RecognizerAudio``, whose pipeline has time before
    frequency (``input_format="NCTF"``): to (B, embed_dims, F', T'') in both formats.

    Args:
        input_format: ``'NCFT'`` for spectrograms (B, 1, F, N), as the detectors of this package
            give them; ``'NCTF'`` for (B, 1, N, F), as mmaction2's ``FormatAudioShape`` does. None
            is ``'NCFT'``, except that a tower of its own refuses spectrograms that are as high
            as they are long, since nothing tells their axes apart.
        **kwargs: As :class:`LargeKernelBackbone`, without ``num_dims``.

    Raises:
        ValueError: If the format is another.
    """

    def __init__(self, input_format: AudioFormat | None = None, **kwargs: Any) -> None:
        if input_format not in (None, *get_args(AudioFormat)):
            raise ArgumentError(
                f"Expected `input_format` 'NCFT' or 'NCTF', or None, got {input_format!r}."
            )
        super().__init__(num_dims=2, **kwargs)
        self.input_format = input_format

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the encoder's map, (B, embed_dims, F', T'').

        Args:
            x: (B, 1, F, N), or what ``input_format`` states.
            mask: (B, N) bool over time; None if all is valid.
        """
        is_swapped = self.input_format == "NCTF" and x.dim() == 4
        return super().encode(x.transpose(2, 3) if is_swapped else x, mask)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the last layer's map, (B, embed_dims, F', T''); arguments as :meth:`encode`.

        Raises:
            ValueError: If the axes could be in either order.
        """
        if self.input_format is None and x.dim() == 4 and x.shape[2] == x.shape[3]:
            raise ArgumentError(
                f"Expected `input_format` to be stated for spectrograms of shape {tuple(x.shape)}, "
                "whose axes could be in either order: 'NCTF' for those of mmaction2's "
                "FormatAudioShape, 'NCFT' if frequency comes first."
            )
        return super().forward(x, mask)
