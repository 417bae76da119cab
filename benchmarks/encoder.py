"""The video encoder against stock layers."""

from collections.abc import Iterator

import torch

from benchmarks.comparison import compare
from benchmarks.passes import training_call
from benchmarks.row import Row, speed_row
from benchmarks.settings import CPU, Settings
from benchmarks.stock_model import with_stock_layers
from benchmarks.training_step import build_training_model
from macbdf_mm.apis.command_line import load_config

# Peer -> whether its attention is fused.
PEERS = {"stock layers, fused attention": True, "stock layers, explicit attention": False}


def measure_encoder(settings: Settings) -> Iterator[Row]:
    """Yield the video encoder of the config's model, forward and backward, B=1."""
    cfg = load_config(settings.config)
    encoder = build_training_model(cfg, settings.seed, CPU).video_backbone.encoder
    shape = cfg.model.video_backbone.encoder
    size = (shape.num_frames, shape.img_size, shape.img_size)
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        grad = torch.randn_like(encoder(x))
    for peer, is_fused in PEERS.items():
        stock = with_stock_layers(encoder, is_attention_fused=is_fused)
        comparison = compare(
            training_call(encoder, x, grad),
            training_call(stock, x, grad),
            settings.clock(),
            settings.num_step_rounds,
        )
        setting = f"B=1, {'x'.join(map(str, size))}, width {encoder.embed_dims}"
        yield speed_row("video encoder, forward + backward", setting, peer, comparison)
