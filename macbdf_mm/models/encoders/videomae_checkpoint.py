"""Weights of VideoMAE in mmaction2's format, under the names of this package."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from macbdf_mm.errors import CheckpointMismatchError

# mmaction2's feed-forward part nests its layers; nothing else here has such a key.
_FOREIGN = re.compile(r"(backbone\.)?blocks\.\d+\.mlp\.layers\.")
_RENAMED = (
    (re.compile(r"^backbone\."), ""),
    (re.compile(r"^patch_embed\."), "stem."),
    (re.compile(r"^pos_embed$"), "position.table"),
    (re.compile(r"^(blocks\.\d+\.mlp)\.layers\.0\.0\."), r"\1.0."),
    (re.compile(r"^(blocks\.\d+\.mlp)\.layers\.1\."), r"\1.3."),
)
# The classifier, and the norm that follows VideoMAE's mean over tokens, which is not ours.
_LEFT_OUT = ("cls_head.", "fc_norm.", "data_preprocessor.")


def from_videomae(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return mmaction2's ``VisionTransformer`` weights under ``VideoTransformerEncoder``'s names.

    The classifier and the norm after the mean over tokens (``fc_norm``) are left out.

    Args:
        state_dict: Of the module itself, or of a recogniser (keys start with ``backbone.``).
    """
    renamed = {}
    for key, value in state_dict.items():
        for pattern, name in _RENAMED:
            key = pattern.sub(name, key)
        if not key.startswith(_LEFT_OUT):
            renamed[key] = value
    return renamed


def adopt_videomae_weights(
    encoder: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Rename foreign weights in place before a state_dict is loaded; a pre-hook of the encoder.

    Weights under our own names are left as they are.

    Args:
        encoder: The encoder that loads.
        state_dict: The weights; only keys under ``prefix`` are looked at.
        prefix: Where the encoder stands in the model that loads.

    Raises:
        CheckpointMismatchError: If it is a VideoMAE checkpoint that does not fill every
            parameter of the encoder with one of its shape.
    """
    own = {k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)}
    if not any(_FOREIGN.match(key) for key in own):
        return
    renamed = from_videomae(own)
    _check_complete(encoder, renamed)
    for key in own:
        del state_dict[prefix + key]
    state_dict.update({prefix + key: value for key, value in renamed.items()})


def _check_complete(encoder: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raise unless the weights fill the encoder; MMEngine would only log a warning."""
    for name, wanted in encoder.state_dict().items():
        found = weights.get(name)
        if found is None or found.shape != wanted.shape:
            got = "none" if found is None else f"shape {tuple(found.shape)}"
            raise CheckpointMismatchError(
                f"The VideoMAE checkpoint does not fit the video encoder: {name} expects shape "
                f"{tuple(wanted.shape)}, got {got}. Set embed_dims, depth, patch_size, img_size, "
                "num_frames, stem='tubelet' and final_norm=False as in pretraining."
            )
