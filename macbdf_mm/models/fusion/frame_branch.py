"""A logit for each step and modality, the branches of Eq. 20."""

from typing import NamedTuple

from torch import Tensor, nn

from macbdf_mm.models.fusion.temporal_steps import PooledSteps, blank_steps, resample_steps
from macbdf_mm.models.layers.step_masks import StepMasks


class FrameLogits(NamedTuple):
    """Logits of "fake" on the video's steps, and where they mean something.

    Attributes:
        video: (B, T') float32.
        audio: (B, T') float32.
        video_mask: (B, T') bool, True where the video is valid.
        audio_mask: (B, T') bool, True where about half of a step's audio or more is valid.
    """

    video: Tensor
    audio: Tensor
    video_mask: Tensor
    audio_mask: Tensor


class FrameBranch(nn.Module):
    """Returns one logit a step of one modality.

    The MLP has no BatchNorm, unlike the sample head's: its statistics would count the steps
    that are masked.

    Args:
        embed_dims: Channels C of the steps.
        hidden_dims: Width of the hidden layer.
        drop_rate: Dropout of the hidden layer.
    """

    def __init__(self, embed_dims: int, hidden_dims: int, drop_rate: float) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.LayerNorm(embed_dims),
            nn.Linear(embed_dims, hidden_dims),
            nn.ReLU(),
            nn.Dropout(drop_rate),
            nn.Linear(hidden_dims, 1),
        )

    def forward(self, steps: Tensor) -> Tensor:
        """Return the logits of the steps (B, T, C), shape (B, T), float32."""
        return self.mlp(steps)[..., 0].float()


class FrameBranches(nn.Module):
    """Returns one logit a step for the video and one for the audio, each from its own features.

    Both stand on the video's steps, as the labels do; the audio's features are interpolated.

    Args:
        embed_dims: Channels C of the last layer's maps.
        hidden_dims: Width of each branch's hidden layer; ``embed_dims`` if None.
        drop_rate: Dropout of the hidden layers.
    """

    def __init__(
        self, embed_dims: int, hidden_dims: int | None = None, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        hidden_dims = embed_dims if hidden_dims is None else hidden_dims
        self.video_branch = FrameBranch(embed_dims, hidden_dims, drop_rate)
        self.audio_branch = FrameBranch(embed_dims, hidden_dims, drop_rate)

    def forward(self, steps: PooledSteps, masks: StepMasks) -> FrameLogits:
        """Return the logits of the last layer's steps after the exchange.

        Args:
            steps: (B, T', C) and (B, T'', C).
            masks: Valid steps, (B, T') and (B, T'').

        Raises:
            ValueError: If a mask has another batch or number of steps than its modality.
        """
        video, audio = blank_steps(steps, masks)
        audio, audio_mask = resample_steps(audio, masks.audio, video.shape[1])
        return FrameLogits(
            video=self.video_branch(video),
            audio=self.audio_branch(audio),
            video_mask=masks.video,
            audio_mask=audio_mask,
        )
