"""How much each modality counts in the fusion of a clip, Eq. 10."""

import math
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.models.layers.step_masks import blank_invalid, masked_mean
from macbdf_mm.models.layers.transformer_block import SelfAttention

# Added to both weights before they are divided by their sum, which may otherwise be zero.
_TINY_WEIGHT = 1e-6
# An importance below this is logged as zero: beside the 1 that it starts at, it weighs nothing.
_ZERO_IMPORTANCE = 1e-3

Activation = Literal["softplus", "relu"]
# Where each activation is 1.
_STARTS = {"softplus": math.log(math.e - 1), "relu": 1.0}


class FusionWeights(NamedTuple):
    """One weight per clip and modality.

    Attributes:
        video: w_v, (B,) float32, not negative.
        audio: w_a, (B,) float32, not negative.
        importances: Of video and audio, the learned part of Eq. 10, (B, 2) float32; None with
            equal weighting, which has none.
    """

    video: Tensor
    audio: Tensor
    importances: Tensor | None = None


@torch.no_grad()
def weight_log(weights: FusionWeights, seen: Tensor) -> dict[str, Tensor]:
    """Return scalars that show in training whether the importances of Eq. 10 are alive.

    ``importance_zeros_video`` and ``importance_zeros_audio`` are the shares of clips whose
    importance is below 0.001, and ``weight_video`` is the mean of w_v. Only clips with both
    tracks count: elsewhere the weights are 1 and 0. Without such a clip they are 0, 0 and 0.5;
    with equal weighting, nothing is returned.

    Args:
        weights: Of B clips.
        seen: (B, 2) bool, whether the video, the audio was there.
    """
    if weights.importances is None:
        return {}
    both = seen.all(dim=1)
    number = both.sum().clamp(min=1)
    zeros = ((weights.importances < _ZERO_IMPORTANCE) & both[:, None]).sum(dim=0) / number
    mean = weights.video.masked_fill(~both, 0.0).sum() / number
    return {
        "importance_zeros_video": zeros[0],
        "importance_zeros_audio": zeros[1],
        "weight_video": torch.where(both.any(), mean, 0.5),
    }


class TokenImportance(nn.Module):
    """ReLU(f_m(MHAttention_m)) of Eq. 10, one number per clip.

    MHAttention_m is self-attention over the clip's own tokens of one modality, averaged over
    the valid ones; f_m is an MLP. It starts near 1 for every clip. By default softplus stands
    in for the ReLU, which has no gradient once it is zero for all clips, and stays there.

    Args:
        embed_dims: Channels C of the tokens.
        num_heads: Attention heads, a divisor of ``embed_dims``.
        activation: "softplus", or the paper's "relu".

    Raises:
        ValueError: If ``activation`` is neither.
    """

    def __init__(
        self, embed_dims: int, num_heads: int, activation: Activation = "softplus"
    ) -> None:
        super().__init__()
        if activation not in get_args(Activation):
            raise ArgumentError(f"Expected `activation` 'softplus' or 'relu', got {activation!r}.")
        self.activation = activation
        self.norm = nn.LayerNorm(embed_dims)
        self.attention = SelfAttention(embed_dims, num_heads)
        output = nn.Linear(embed_dims, 1)
        nn.init.normal_(output.weight, std=0.01)
        nn.init.constant_(output.bias, _STARTS[activation])
        self.mapping = nn.Sequential(
            nn.LayerNorm(embed_dims), nn.Linear(embed_dims, embed_dims), nn.GELU(), output
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the importance of each clip's tokens, (B,) float32, not negative.

        Args:
            tokens: (B, N, C).
            mask: (B, N) bool, True where a token is valid.
        """
        tokens = self.norm(blank_invalid(tokens, mask, time_dim=1))
        attended = self.attention(tokens, mask).transpose(1, 2)  # (B, C, N)
        score = self.mapping(masked_mean(attended, mask, time_dim=2))[:, 0].float()
        return F.softplus(score) if self.activation == "softplus" else score.relu()


class ImportanceWeights(nn.Module):
    """The fusion weights of Eq. 10, of each clip by itself.

    w_m = gamma ReLU(f_m(MHAttention_m)) + (1 - gamma) / (D_m + epsilon), gamma the sigmoid of a
    parameter that starts at 0. Eq. 10 leaves the weights unbounded; by default they are divided
    by their sum. A modality that a clip lacks gets 0, the other one 1.

    Args:
        embed_dims: Channels C of the tokens.
        num_heads: Attention heads, a divisor of ``embed_dims``.
        epsilon: Bounds the reward of a small distance, positive.
        weight_norm: Whether to divide the weights by their sum.
        weighting: "adaptive" for Eq. 10; "equal" for the row "w/o w" of Table 2: 1/2 for both
            modalities, and no parameters.
        activation: Of the importances, see :class:`TokenImportance`.

    Raises:
        ValueError: If ``epsilon``, ``weighting`` or ``activation`` is none of these.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int = 4,
        epsilon: float = 0.1,
        weight_norm: bool = True,
        weighting: Literal["adaptive", "equal"] = "adaptive",
        activation: Activation = "softplus",
    ) -> None:
        super().__init__()
        if epsilon <= 0:
            raise ArgumentError(f"Expected `epsilon` > 0, got {epsilon}.")
        if weighting not in ("adaptive", "equal"):
            raise ArgumentError(f"Expected `weighting` 'adaptive' or 'equal', got {weighting!r}.")
        self.epsilon = epsilon
        self.weight_norm = weight_norm
        self.weighting = weighting
        if weighting == "adaptive":
            self.video_importance = TokenImportance(embed_dims, num_heads, activation)
            self.audio_importance = TokenImportance(embed_dims, num_heads, activation)
            self.balance_logit = nn.Parameter(torch.zeros(()))

    def forward(
        self,
        video_tokens: Tensor,
        audio_tokens: Tensor,
        video_mask: Tensor,
        audio_mask: Tensor,
        video_distance: Tensor,
        audio_distance: Tensor,
    ) -> FusionWeights:
        """Return the weights of both modalities.

        Args:
            video_tokens: (B, N_v, C), any tokens of the clip: the grid's, or one per time step.
            audio_tokens: (B, N_a, C).
            video_mask: (B, N_v) bool, True where a token is valid.
            audio_mask: (B, N_a) bool.
            video_distance: D_v of Eq. 9, (B,), not negative. Not read with equal weighting.
            audio_distance: D_a, (B,).
        """
        has_video, has_audio = video_mask.any(dim=1), audio_mask.any(dim=1)
        if self.weighting == "equal":
            half = torch.full(has_video.shape, 0.5, device=has_video.device)
            return FusionWeights(*_settle_missing(half, half, has_video, has_audio))
        video_importance = self.video_importance(video_tokens, video_mask)
        audio_importance = self.audio_importance(audio_tokens, audio_mask)
        video = self._combine(video_importance, video_distance.masked_fill(~has_video, 0.0))
        audio = self._combine(audio_importance, audio_distance.masked_fill(~has_audio, 0.0))
        if self.weight_norm:
            video, audio = video + _TINY_WEIGHT, audio + _TINY_WEIGHT
            total = video + audio
            video, audio = video / total, audio / total
        return FusionWeights(
            *_settle_missing(video, audio, has_video, has_audio),
            importances=torch.stack([video_importance, audio_importance], dim=1),
        )

    def _combine(self, importance: Tensor, distance: Tensor) -> Tensor:
        """Return w of one modality before the division by the sum, (B,) float32."""
        gamma = self.balance_logit.float().sigmoid()
        return gamma * importance + (1 - gamma) / (distance.float() + self.epsilon)


def _settle_missing(
    video: Tensor, audio: Tensor, has_video: Tensor, has_audio: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the weights, with 1 for a modality that stands alone and 0 for one not there."""
    both = has_video & has_audio
    return (
        torch.where(both, video, has_video.to(video.dtype)),
        torch.where(both, audio, has_audio.to(audio.dtype)),
    )
