"""What is timed, as calls without arguments: passes through a module, and training steps."""

import copy
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from benchmarks.timing import Call
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.registry import SCOPE, TRANSFORMS, build_part
from macbdf_mm.structures.labels import FAKE, REAL


def forward_call(module: nn.Module, x: Tensor, grad: Tensor) -> Call:
    """Return the call of a forward pass without gradients.

    Args:
        module: From a tensor to a tensor.
        x: Its input.
        grad: Not read; here for the signature of :func:`training_call`.
    """

    def call() -> None:
        with torch.no_grad():
            module(x)

    return call


def training_call(module: nn.Module, x: Tensor, grad: Tensor) -> Call:
    """Return the call of a forward and a backward pass, by the input and all parameters.

    Args:
        module: From a tensor to a tensor.
        x: Its input.
        grad: The output's gradient.
    """
    x = x.detach().requires_grad_()
    inputs = [x, *(parameter for parameter in module.parameters() if parameter.requires_grad)]

    def call() -> None:
        # Not .backward(): it would add to the gradients of the call before.
        torch.autograd.grad(module(x), inputs, grad)

    return call


def build_training_model(cfg: Config, seed: int, device: torch.device) -> MACBDF:
    """Return the config's untrained model, in training mode.

    Raises:
        ConfigError: If it is not the detector of this package.
    """
    torch.manual_seed(seed)
    model = build_model(cfg).train().to(device)
    if not isinstance(model, MACBDF):
        raise ConfigError(
            f"Config '{cfg.filename}' has a model of type {type(model).__name__}; the benchmark "
            "takes MACBDF apart, so give it a config of that (--config)."
        )
    return model


def random_batch(cfg: Config, batch_size: int, seed: int) -> dict[str, Any]:
    """Return a batch as the config's training loader collates it, of noise and all categories.

    Args:
        cfg: A config whose training pipeline ends by packing.
        batch_size: Clips.
        seed: Of the noise.
    """
    rng = np.random.default_rng(seed)
    packing = build_part(TRANSFORMS, cfg.train_dataloader.dataset.pipeline[-1])
    clips = [packing(_random_clip(cfg, index, rng)) for index in range(batch_size)]
    return pseudo_collate(clips)


def training_step(model: BaseModel, wrapper: Mapping[str, Any], batch: dict[str, Any]) -> Call:
    """Return the call of a whole step: preprocessing, both passes, clipping and the update.

    Args:
        model: A model of MMEngine's kind; it is trained by each call.
        wrapper: Config of the optimiser wrapper.
        batch: As :func:`random_batch` returns it.
    """
    with DefaultScope.overwrite_default_scope(SCOPE), ExitStack() as stack:
        # MMEngine has a log line per parameter.
        logging.disable(logging.INFO)
        stack.callback(logging.disable, logging.NOTSET)
        optim_wrapper = build_optim_wrapper(model, copy.deepcopy(dict(wrapper)))
    # The runner's loop says so; a wrapper finds its modules then.
    optim_wrapper.initialize_count_status(model, 0, 1_000_000)

    def call() -> None:
        model.train_step(batch, optim_wrapper)

    return call


def plain_wrapper(cfg: Config, wrapper_type: str = OptimWrapper.__name__) -> dict[str, Any]:
    """Return the config's optimiser under a wrapper of MMEngine's that adds up all losses."""
    kept = ("optimizer", "paramwise_cfg", "clip_grad", "constructor")
    return {"type": wrapper_type} | {k: v for k, v in cfg.optim_wrapper.items() if k in kept}


def _random_clip(cfg: Config, index: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return a decoded clip; four in a row have all four pairs of labels."""
    encoder = cfg.model.video_backbone.encoder
    log_mel = cfg.model.data_preprocessor.log_mel
    num_samples = cfg.model.audio_backbone.encoder.num_frames * log_mel.hop_length
    size = (encoder.num_frames, encoder.img_size, encoder.img_size, 3)
    span = (0.0, num_samples / log_mel.sample_rate)
    labels = {"video": (REAL, FAKE)[index % 2], "audio": (REAL, FAKE)[index // 2 % 2]}
    return {
        "imgs": list(rng.integers(0, 256, size, dtype=np.uint8)),
        "video_valid": np.ones(encoder.num_frames, np.bool_),
        "waveform": rng.normal(0.0, 0.1, num_samples).astype(np.float32),
        "audio_valid": np.ones(num_samples, np.bool_),
        "span_seconds": span,
        "file": f"noise_{index}.mp4",
        "sample_idx": index,
        "label": max(labels.values()),
        **{f"{track}_label": label for track, label in labels.items()},
        **{
            f"{track}_fake_intervals": (span,) if label == FAKE else ()
            for track, label in labels.items()
        },
    }
