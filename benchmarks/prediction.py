"""Scoring a file from end to end, against the same with stock layers."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.calls import build_training_model
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.rows import Row, compare
from benchmarks.settings import CPU, Settings
from benchmarks.stock_layers import with_stock_layers
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer

_SECONDS = 10.0
_SIZE = (480, 854)


def measure_prediction(settings: Settings) -> Iterator[Row]:
    """Yield the scoring of a clip of 10 s, decoding included, with the config's model."""
    cfg = load_config(settings.config)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_filmed_clip(clip, _SECONDS, _SIZE, settings.seed)
        weights = Path(folder) / "untrained.pth"
        model = build_training_model(cfg, settings.seed, CPU)
        torch.save({"state_dict": model.state_dict()}, weights)
        own, stock = (ForgeryInferencer(cfg, weights, "cpu", show_progress=False) for _ in range(2))
        stock.model = with_stock_layers(stock.model)
        windows = len(own(clip)["predictions"][0]["windows"])
        yield compare(
            "prediction for a file",
            f"10 s of 480p, {windows} windows",
            "stock layers, fused attention",
            partial(own, clip),
            partial(stock, clip),
            settings,
            num_rounds=settings.num_step_rounds,
        )
