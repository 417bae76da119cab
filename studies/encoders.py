"""The encoders that every run of a study starts from: trained once, alike for all rows.

The rows differ in what follows the encoders, so nothing else is taken from the checkpoint.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.errors import CheckpointMismatchError, ConfigError
from macbdf_mm.structures.labels import STEP_TRACKS

ENCODERS = "encoders"
_PRETRAINED = "Pretrained"


def start_from(cfg: Config, checkpoint: Path) -> None:
    """Have the encoders of a config's model take their weights from a checkpoint.

    Raises:
        ConfigError: If the model has no towers with encoders.
    """
    for track in STEP_TRACKS:
        encoder = (cfg.model.get(f"{track}_backbone") or {}).get("encoder")
        if encoder is None:
            raise ConfigError(
                f"Config '{cfg.filename}' has no `model.{track}_backbone.encoder` that could start "
                "from trained weights; give --encoders none."
            )
        encoder.init_cfg = {
            "type": _PRETRAINED,
            "checkpoint": str(checkpoint),
            "prefix": f"{track}_backbone.encoder.",
        }


def starting_points(cfg: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """Return where the encoders of a config start: (prefix of the names, checkpoint) of each."""
    found = []
    for track in STEP_TRACKS:
        start = ((cfg.get(f"{track}_backbone") or {}).get("encoder") or {}).get("init_cfg") or {}
        if start.get("type") == _PRETRAINED and start.get("checkpoint"):
            found.append((str(start.get("prefix") or ""), Path(start["checkpoint"])))
    return found


def starting_digest(cfg: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the weights that the encoders of a model's config start from.

    Names, shapes and bits count, not the file that they lie in. ``random`` without any.
    """
    points = starting_points(cfg)
    if not points:
        return "random"
    digest = hashlib.sha256()
    for prefix, path in points:
        for name, value in sorted(_weights(path, prefix).items()):
            digest.update(f"{prefix}{name} {tuple(value.shape)}\n".encode())
            digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def check_start(model: nn.Module, cfg: Mapping[str, Any]) -> None:
    """Return if a model's encoders have the weights that its config names.

    MMEngine only logs a warning where a weight does not fit, and leaves it as it was.

    Raises:
        CheckpointMismatchError: If a weight differs.
    """
    own = model.state_dict()
    for prefix, path in starting_points(cfg):
        weights = _weights(path, prefix)
        names = {name.removeprefix(prefix) for name in own if name.startswith(prefix)}
        wrong = sorted(names ^ weights.keys()) or [
            # The model may be on a GPU by now.
            name
            for name in sorted(names)
            if not torch.equal(own[prefix + name].cpu(), weights[name])
        ]
        if wrong:
            raise CheckpointMismatchError(
                f"The encoder '{prefix}' does not start from '{path}': {wrong[0]} is not in both, "
                "or differs. Train encoders of the same size, or give --encoders none."
            )


def _weights(path: Path, prefix: str) -> dict[str, torch.Tensor]:
    weights = _read(path, path.stat().st_mtime_ns if path.is_file() else None)
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


@functools.lru_cache(maxsize=1)
def _read(path: Path, changed: int | None) -> Mapping[str, torch.Tensor]:
    """Return the weights of a checkpoint; those of the last one are kept until it changes."""
    weights: Mapping[str, torch.Tensor] = load_checkpoint(path)["state_dict"]
    return weights
