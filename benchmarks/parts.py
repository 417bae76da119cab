"""Parts of the model against the same parts of stock layers."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from benchmarks.calls import build_training_model, forward_call, training_call
from benchmarks.rows import Row, compare
from benchmarks.settings import AUDIO_GRID, BLOCK_WIDTH, CPU, VIDEO_GRID, Settings
from benchmarks.stock_layers import StockBlock, with_stock_convolutions, with_stock_layers
from benchmarks.timing import Call, all_calls
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.models.layers.log_mel import LogMel
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock

_PASSES = {"forward + backward": training_call, "forward": forward_call}
_STOCK = "stock layers, channels first"
_CONVOLUTIONS = "the same block over nn.Conv"
# Peer of the encoder -> whether its attention is fused.
ENCODER_PEERS = {"stock layers, fused attention": True, "stock layers, explicit attention": False}
# Of the log-mel spectrograms: clips, and samples of each.
_WAVEFORMS = (8, 40_960)


def measure_blocks(settings: Settings) -> Iterator[Row]:
    """Yield both passes of a video and an audio block of the `s` model, B=2."""
    torch.manual_seed(settings.seed)
    goals = {"forward + backward": "block", "forward": "block_forward"}
    yield from block_rows("video", 2, BLOCK_WIDTH, VIDEO_GRID, settings, goals)
    yield from block_rows("audio", 2, BLOCK_WIDTH, AUDIO_GRID, settings, {})


def block_rows(
    track: str,
    batch: int,
    width: int,
    grid: tuple[int, ...],
    settings: Settings,
    goals: dict[str, str],
) -> Iterator[Row]:
    """Yield both passes of a block against both peers.

    Args:
        track: Whose block it is, for the name.
        batch: Clips.
        width: Channels C.
        grid: Lengths of the map's axes, two or three.
        settings: Rounds and threads.
        goals: Passes -> the goal that the row against stock layers answers.
    """
    block = MSTLKABlock(width, num_dims=len(grid))
    tokens, grad = torch.randn(2, batch, *grid, width).movedim(-1, 2).unbind(0)
    size = f"B={batch}, C={width}, {'x'.join(map(str, grid))}"
    peers = {
        _STOCK: (StockBlock(block), tokens.contiguous()),
        _CONVOLUTIONS: (with_stock_convolutions(block), tokens),
    }
    for passes, maker in _PASSES.items():
        for peer, (module, x) in peers.items():
            what, goal = f"{track} block, {passes}", goals.get(passes) if peer == _STOCK else None
            own, other = maker(block, tokens, grad), maker(module, x, grad)
            yield compare(what, size, peer, own, other, settings, goal=goal)


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
        _STOCK: (with_stock_layers(towers), "towers"),
        "the same towers over nn.Conv": (with_stock_convolutions(towers), None),
    }
    own = _both(towers, maps)
    for peer, (stock, goal) in peers.items():
        what, other = "towers, forward + backward", _both(stock, maps)
        yield compare(what, f"B=1, {sizes}", peer, own, other, settings, goal=goal)


def _both(towers: nn.ModuleList, maps: list[Tensor]) -> Call:
    return all_calls(
        [training_call(tower, x, torch.ones_like(x)) for tower, x in zip(towers, maps, strict=True)]
    )


def measure_encoder(settings: Settings) -> Iterator[Row]:
    """Yield the video encoder of the config's model, forward and backward, B=1."""
    cfg = load_config(settings.config)
    encoder = build_training_model(cfg, settings.seed, CPU).video_backbone.encoder
    shape = cfg.model.video_backbone.encoder
    size = (shape.num_frames, shape.img_size, shape.img_size)
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        grad = torch.randn_like(encoder(x))
    setting = f"B=1, {'x'.join(map(str, size))}, width {encoder.embed_dims}"
    own = training_call(encoder, x, grad)
    for peer, is_fused in ENCODER_PEERS.items():
        stock = with_stock_layers(encoder, is_attention_fused=is_fused)
        yield compare(
            "video encoder, forward + backward",
            setting,
            peer,
            own,
            training_call(stock, x, grad),
            settings,
            num_rounds=settings.num_step_rounds,
        )


def measure_log_mel(settings: Settings) -> Iterator[Row]:
    """Yield the spectrograms of a batch of 8 clips of 2.56 s."""
    torch.manual_seed(settings.seed)
    waveforms = torch.randn(_WAVEFORMS)
    log_mel = LogMel()

    def rebuilt() -> list[Tensor]:
        return [
            torch.log(MelSpectrogram(16_000, n_fft=512, hop_length=160, n_mels=64)(clip) + 1e-6)
            for clip in waveforms
        ]

    peer = "torchaudio, built for each clip"
    own = partial(log_mel, waveforms)
    yield compare("log-mel", "B=8, 2.56 s at 16 kHz", peer, own, rebuilt, settings)
