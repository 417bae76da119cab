"""Checkpoints read safely, the model that a config describes, and the device it runs on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from macbdf_mm.apis.release import FACTS, WEIGHTS, is_release, load_release
from macbdf_mm.errors import CheckpointMismatchError, ConfigError, MissingDataError
from macbdf_mm.registry import MODELS, SCOPE, build_part


def load_checkpoint(path: str | Path, *, allow_pickle: bool = False) -> dict[str, Any]:
    """Return a checkpoint of MMEngine's form, its tensors on the CPU.

    Args:
        path: The checkpoint file, a release folder, or the weights in one, which need no pickle.
        allow_pickle: Read files that hold more than tensors and plain Python values. Such a
            file can run any code while it is read: only for files from people you trust.

    Raises:
        MissingDataError: If there is no such file.
        CheckpointMismatchError: If it is not a checkpoint, or needs ``allow_pickle``.
    """
    if "://" in str(path):
        raise MissingDataError(f"Checkpoint '{path}' is an address; download it, name the file.")
    path = Path(path)
    folder = path.parent if path.name == WEIGHTS else path
    if is_release(folder):
        return load_release(folder)
    if path.is_dir():
        raise MissingDataError(
            f"Checkpoint '{path}' is a folder, and no release; name a file in it."
        )
    if not path.is_file():
        raise MissingDataError(f"Checkpoint '{path}' does not exist.")
    if path.suffix == ".safetensors":
        raise CheckpointMismatchError(
            f"Checkpoint '{path}' is not in a release folder, so its thresholds and its origin are "
            f"not known; name a folder that `macbdf export` wrote, with {FACTS} in it."
        )
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=not allow_pickle)
    except MemoryError:
        raise
    except Exception as error:  # Bytes of any kind are taken for a pickle, which may do anything.
        if "Weights only load failed" in str(error) and _is_archive(path):
            raise CheckpointMismatchError(
                f"Checkpoint '{path}' holds more than weights, and reading it could run code; "
                "if you trust its origin, allow it with --allow-pickle (`allow_pickle=True`)."
            ) from error
        raise CheckpointMismatchError(
            f"'{path}' is not a checkpoint that PyTorch can read; it may be cut short, or another "
            "kind of file."
        ) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), Mapping):
        raise CheckpointMismatchError(
            f"Checkpoint '{path}' has no `state_dict`, so it was not saved by MMEngine's runner."
        )
    return checkpoint


def build_model(cfg: Config) -> nn.Module:
    """Return the untrained model of ``cfg.model``, in evaluation mode.

    Raises:
        ConfigError: If the config has no ``model``.
    """
    if cfg.get("model") is None:
        raise ConfigError(f"Config '{cfg.filename}' has no `model`, so nothing can be predicted.")
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", SCOPE)):
        model: nn.Module = build_part(MODELS, cfg.model)
    return model.eval()


def load_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Copy ``weights`` into ``model``; every one of them must fit.

    Args:
        model: The model to fill. What it names in ``optional_weights`` may be missing, and is set
            to zero then.
        weights: Name -> tensor.
        origin: Where they come from, for the error message.

    Raises:
        CheckpointMismatchError: If a weight is missing, unknown, of another shape, or not finite.
    """
    own = model.state_dict()
    optional = [name for name in getattr(model, "optional_weights", ()) if name not in weights]
    weights = {**weights, **{name: torch.zeros_like(own[name]) for name in optional}}
    missing = [name for name in own if name not in weights]
    unknown = [name for name in weights if name not in own]
    reshaped = [n for n in own if n in weights and own[n].shape != _shape(weights[n])]
    problems = [
        f"{len(names)} {what} (such as {names[0]})"
        for what, names in (
            ("weights of the model are missing", missing),
            ("weights are unknown to it", unknown),
            ("weights have another shape", reshaped),
        )
        if names
    ]
    if problems:
        raise CheckpointMismatchError(
            f"Checkpoint '{origin}' belongs to another model than the config: "
            f"{'; '.join(problems)}. Use the config that was saved beside the checkpoint; if this "
            "is it, an earlier version of macbdf_mm trained the model (CHANGELOG.md), and only "
            "that version reads it."
        )
    check_finite(weights, origin)
    model.load_state_dict(weights)


def check_finite(weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Return if all weights are numbers: otherwise no file would get a score.

    Raises:
        CheckpointMismatchError: If one is infinite or not a number.
    """
    broken = [
        name
        for name, weight in weights.items()
        if isinstance(weight, torch.Tensor) and not weight.isfinite().all()
    ]
    if broken:
        raise CheckpointMismatchError(
            f"Checkpoint '{origin}' has values that are infinite or not numbers in {len(broken)} "
            f"of {len(weights)} weights (such as {broken[0]}): its training diverged, or the file "
            "is damaged. Use an earlier checkpoint."
        )


def trained_on_synthetic(checkpoint: Mapping[str, Any]) -> bool | None:
    """Return whether a checkpoint was trained on rendered clips, None if it does not say.

    ``PlainCheckpointHook`` notes it under ``meta['training_data']``.
    """
    meta = checkpoint.get("meta")
    training_data = meta.get("training_data") if isinstance(meta, Mapping) else None
    if not isinstance(training_data, Mapping) or not training_data:
        return None
    return bool(training_data.get("synthetic", False))


def check_device(device: str) -> None:
    """Return if a device is there.

    Args:
        device: As PyTorch names it, such as ``'cuda:0'``.

    Raises:
        ConfigError: If it is not.
    """
    try:
        torch.zeros(1, device=device).item()  # Of "meta" there is nothing to read.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"Device '{device}' cannot be used: {reason}") from error


def _is_archive(path: Path) -> bool:
    # Current checkpoints are zip archives; a text file or noise fails the same check of
    # PyTorch's, but no flag would make it readable.
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02")


def _shape(value: object) -> torch.Size | None:
    return value.shape if isinstance(value, torch.Tensor) else None
