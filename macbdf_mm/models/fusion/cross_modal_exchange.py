"""What the towers tell each other at each layer, Eqs. 17 and 18."""

from typing import Literal, NamedTuple, get_args

from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.fusion.importance_weights import FusionWeights
from macbdf_mm.models.fusion.temporal_steps import PooledSteps, blank_steps, resample_steps
from macbdf_mm.models.layers.step_masks import StepMasks

Interaction = Literal["gated", "product", "none"]


class FusedSteps(NamedTuple):
    """Both modalities in their common space.

    Attributes:
        features: x_i of Eq. 17, (B, T', C), on the video's steps; zero where not valid.
        mask: (B, T') bool, True where at least one modality is valid.
    """

    features: Tensor
    mask: Tensor


def fuse_steps(steps: PooledSteps, weights: FusionWeights, masks: StepMasks) -> FusedSteps:
    """Return x_i = w_v V_{i-1} + w_a A_{i-1} of Eq. 17.

    The paper adds maps of different shapes; here each is one vector per step, the audio
    interpolated to the video's steps. A step at which one modality is not valid holds the
    other one alone, with its weight.

    Args:
        steps: Both maps before the layer: (B, T', C) and (B, T'', C).
        weights: w_v and w_a, (B,), the same for all layers of a clip.
        masks: Valid steps, (B, T') and (B, T'').

    Raises:
        ValueError: If a mask has another batch or number of steps than its modality.
    """
    video, audio = blank_steps(steps, masks)
    audio, audio_mask = resample_steps(audio, masks.audio, video.shape[1])
    features = weights.video[:, None, None] * video + weights.audio[:, None, None] * audio
    return FusedSteps(features, masks.video | audio_mask)


class CrossModalExchange(nn.Module):
    """Gates both maps of a layer by what they have in common (Eq. 18).

    "gated": K_i = K'_i * (1 + W_k LN(x_i)) with K'_i the block's output. W_k starts at zero,
    so that the towers start as they are alone. "product" is the paper's K_i = K'_i * x_i to
    the letter, which has no parameters and can collapse over several layers. "none" leaves the
    maps as the blocks made them, for an ablation.

    Args:
        embed_dims: Channels C of both maps.
        interaction: "gated", "product" or "none".

    Raises:
        ValueError: If ``interaction`` is none of these.
    """

    def __init__(self, embed_dims: int, interaction: Interaction = "gated") -> None:
        super().__init__()
        if interaction not in get_args(Interaction):
            raise ArgumentError(
                f"Expected `interaction` 'gated', 'product' or 'none', got {interaction!r}."
            )
        self.interaction = interaction
        if interaction == "gated":
            self.norm = nn.LayerNorm(embed_dims)
            self.video_gate = _zero_linear(embed_dims)
            self.audio_gate = _zero_linear(embed_dims)

    def forward(self, video: Tensor, audio: Tensor, fused: FusedSteps) -> tuple[Tensor, Tensor]:
        """Return both maps after the exchange, in their own shapes.

        A modality that a clip lacks is guided like any other, but nothing reads it again: each
        reader masks it.

        Args:
            video: The video block's output, (B, C, T', H', W').
            audio: The audio block's output, (B, C, F', T'').
            fused: x_i on the video's steps.

        Raises:
            ValueError: If x_i has another number of steps than the video.
        """
        if self.interaction == "none":
            return video, audio
        if fused.features.shape[1] != video.shape[2]:
            raise ArgumentError(
                f"Expected fused steps for the {video.shape[2]} steps of the video, got "
                f"{fused.features.shape[1]}. Fuse the maps that went into this layer's blocks."
            )
        video_guide = fused.features
        audio_guide, _ = resample_steps(fused.features, fused.mask, audio.shape[3])
        if self.interaction == "gated":
            video_guide = 1 + self.video_gate(self.norm(video_guide))
            audio_guide = 1 + self.audio_gate(self.norm(audio_guide))
        # The guide is one vector per step: the same at all places, or all frequencies, of it.
        video = video * video_guide.transpose(1, 2)[..., None, None]  # (B, C, T', 1, 1)
        audio = audio * audio_guide.transpose(1, 2)[:, :, None]  # (B, C, 1, T'')
        return video, audio


def _zero_linear(embed_dims: int) -> nn.Linear:
    """Return a linear map that starts at zero, W_k."""
    linear = nn.Linear(embed_dims, embed_dims)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
