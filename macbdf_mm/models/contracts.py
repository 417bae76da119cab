"""What a detector expects of its parts: protocols of encoder, backbone, neck and head.

A part of another project needs no base class of ours, only these attributes and methods. They
stand here and not in ``structures``, because they speak of the maps and masks of the network.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from torch import Tensor

from macbdf_mm.errors import ConfigError
from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_WRAPPED = (
    "A video backbone of mmaction2 is wrapped: encoder=dict(type='MMActionVideoEncoder', "
    "backbone=dict(type='mmaction.VisionTransformer', ...))."
)

# The (video, audio) maps of one layer: (B, C, T', H', W') and (B, C, F', T'').
Maps = tuple[Tensor, Tensor]


class Encoder(Protocol):
    """An encoder that keeps its grid (3.1), such as ``VideoTransformerEncoder``.

    Attributes:
        embed_dims: Channels of its map.
    """

    embed_dims: int

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map, (B, embed_dims, *grid), zero where nothing is valid.

        Args:
            x: A video (B, 3, T, H, W) or a spectrogram (B, 1, F, N).
            mask: (B, T) or (B, N) bool, True where there is media; None if everywhere.
        """


class Backbone(Protocol):
    """The encoder and the layers of one modality, such as ``MSTLKABackbone``.

    Attributes:
        embed_dims: Channels C of the maps.
        depth: Number of layers, the same for both modalities; may be 0.
        layers: ``depth`` modules, each from a map to one of the same shape. The detector calls
            them one by one, and the neck exchanges between the modalities after each. A layer whose
            ``forward`` has an argument ``mask`` is given the valid steps, (B, T') bool, or None if
            all are; it should read zeros elsewhere. A layer without one is given a map that is zero
            there: what it writes there by itself, it also reads there.
    """

    embed_dims: int
    depth: int
    layers: Iterable[Callable[..., Tensor]]

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the map that the first layer reads, (B, C, T', H', W') or (B, C, F', T'').

        It is zero where nothing is valid.

        Args:
            x: A video (B, 3, T, H, W) or a spectrogram (B, 1, F, N).
            mask: (B, T) or (B, N) bool, True where there is media; T and N are multiples of T'
                and T''. None if everywhere.
        """


class Neck(Protocol):
    """The interaction of the modalities, such as ``ContrastiveFusionNeck``.

    It is built with ``video_channels``, ``audio_channels`` and ``depth`` of the backbones.

    Attributes:
        out_channels: Channels D of what :meth:`fuse` returns.
    """

    out_channels: int

    def embed(self, video: Tensor, audio: Tensor, masks: StepMasks) -> Any:
        """Return what :meth:`weigh` and :meth:`loss` read of the encoders' maps; may be None."""

    def weigh(self, video: Tensor, audio: Tensor, embeddings: Any, masks: StepMasks) -> Any:
        """Return the weights of both modalities, from the encoders' maps (Eq. 10).

        Only the neck's own methods read them, so their form is free.
        """

    def exchange(
        self,
        layer: int,
        before: Maps,
        extracted: Maps,
        weights: Any,
        masks: StepMasks,
    ) -> Maps:
        """Return the maps that leave a layer (Eqs. 17-18).

        Args:
            layer: Index of the layer, from 0.
            before: The maps that went into it.
            extracted: What the backbones' layers made of them.
            weights: What :meth:`weigh` returned.
            masks: Valid steps of both.
        """

    def fuse(self, layers: Sequence[Maps], weights: Any, masks: StepMasks) -> Tensor:
        """Return one vector per clip, (B, D), from the maps after each layer (3.3)."""

    def loss(
        self,
        embeddings: Any,
        weights: Any,
        data_samples: Sequence[ForgeryDataSample],
        masks: StepMasks,
    ) -> dict[str, Tensor]:
        """Return the neck's own losses, and scalars to log, by name; may be empty."""


class Head(Protocol):
    """The sample-level verdicts, such as ``ForgeryMLPHead``; built with ``in_channels``."""

    def loss(
        self,
        fused: Tensor,
        data_samples: Sequence[ForgeryDataSample],
        seen: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the losses by name, of vectors (B, D); ``seen`` (B, 2) says which tracks were."""

    def predict(
        self,
        fused: Tensor,
        data_samples: Sequence[ForgeryDataSample],
        seen: Tensor | None = None,
    ) -> list[ForgeryDataSample]:
        """Return the samples with ``pred_scores``, (3,); arguments as :meth:`loss`."""


def takes_mask(layer: Callable[..., Tensor]) -> bool:
    """Return whether a layer of a :class:`Backbone` has an argument ``mask``."""
    try:
        return "mask" in inspect.signature(getattr(layer, "forward", layer)).parameters
    except ValueError:  # It does not say.
        return False


def members_of(contract: type) -> list[str]:
    """Return the names of a protocol's attributes and methods."""
    methods = [name for name in vars(contract) if not name.startswith("_")]
    return [*contract.__annotations__, *methods]


def check_part(part: object, contract: type, argument: str) -> None:
    """Raise unless a part that was built has all that its protocol names.

    Args:
        part: The part.
        contract: One of the protocols above.
        argument: The name under which the config gives the part.

    Raises:
        ConfigError: If something is missing, or a method takes other arguments; the message names
            the part's class and all of it.
    """
    missing = [f"`{name}`" for name in members_of(contract) if not hasattr(part, name)]
    if missing:
        raise ConfigError(
            f"`{argument}` of type {type(part).__name__} has no {' and no '.join(missing)}, which "
            f"the protocol `{contract.__name__}` of {__name__} asks for."
            + (f" {_WRAPPED}" if contract is Encoder else "")
        )
    for name in members_of(contract):
        wanted = getattr(contract, name, None)
        if not callable(wanted) or name in contract.__annotations__:
            continue
        needed = list(inspect.signature(wanted).parameters)[1:]
        if not _takes(getattr(part, name), len(needed)):
            raise ConfigError(
                f"`{argument}` of type {type(part).__name__} has a method `{name}` that does not "
                f"take ({', '.join(needed)}), as the protocol `{contract.__name__}` of {__name__} "
                f"asks for. {_WRAPPED}"
            )


def _takes(method: Callable[..., Any], number: int) -> bool:
    """Return whether a method can be called with so many positional arguments."""
    try:
        inspect.signature(method).bind(*range(number))
    except TypeError:
        return False
    except ValueError:  # It does not say.
        return True
    return True
