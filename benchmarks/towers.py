"""The towers of a model, without the encoders before them, against stock layers."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks.clock import Call
from benchmarks.comparison import compare
from benchmarks.passes import all_calls, training_call
from benchmarks.row import Row, speed_row
from benchmarks.settings import CPU, Settings
from benchmarks.stock_model import with_stock_convolutions, with_stock_layers
from benchmarks.training_step import build_training_model
from macbdf_mm.apis.command_line import load_config


def measure_towers(settings: Settings) -> Iterator[Row]:
    """Yield all layers of both towers of the config's model, forward and backward, B=1."""
    model = build_training_model(load_config(settings.config), settings.seed, CPU)
    towers = nn.ModuleList(
        nn.Sequential(*tower.layers) for tower in (model.video_backbone, model.audio_backbone)
    )
    maps = [
        torch.randn(1, *tower.encoder.position.grid, tower.embed_dims).movedim(-1, 1)
        for tower in (model.video_backbone, model.audio_backbone)
    ]
    sizes = " and ".join("x".join(map(str, x.shape[1:])) for x in maps)
    peers = {
        "stock layers, channels first": (with_stock_layers(towers), "towers"),
        "the same towers over nn.Conv": (with_stock_convolutions(towers), None),
    }
    for peer, (stock, goal) in peers.items():
        comparison = compare(
            _both(towers, maps), _both(stock, maps), settings.clock(), settings.num_rounds
        )
        yield speed_row("towers, forward + backward", f"B=1, {sizes}", peer, comparison, goal)


def _both(towers: nn.ModuleList, maps: list[Tensor]) -> Call:
    return all_calls(
        [training_call(tower, x, torch.ones_like(x)) for tower, x in zip(towers, maps, strict=True)]
    )
