"""What a training step asks of the device and waits for: nothing but OM-Pareto's few numbers.

On the CPU such a wait is a call of ``aten::_local_scalar_dense`` (``.item()``, ``float()``,
``if tensor:``) or of an operation whose result has a size that depends on the data.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.profiler import ProfilerActivity, profile

from macbdf_mm.benchmark.settings import CPU
from macbdf_mm.benchmark.training_step import build_training_model, random_batch

CONFIGS = Path(__file__).parents[2] / "configs"
WAITS = (
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::equal",
)


def waits_in(call: Callable[[], object]) -> Counter[str]:
    with profile(activities=[ProfilerActivity.CPU]) as record:
        call()
    counts = {event.key: event.count for event in record.key_averages() if event.key in WAITS}
    return Counter(counts)


@pytest.fixture(scope="module")
def tiny_config() -> Config:
    cfg = Config.fromfile(CONFIGS / "macbdf_dfdc.py")
    cfg.model.video_backbone.encoder.img_size = 32
    cfg.model.audio_backbone.encoder.num_frames = 64
    for tower in (cfg.model.video_backbone, cfg.model.audio_backbone):
        tower.encoder.update(embed_dims=24, depth=1, num_heads=2)
        tower.update(embed_dims=12, depth=2)
    cfg.model.neck.weights.num_heads = cfg.model.neck.fusion.num_heads = 2
    return cfg


def test_the_counter_sees_what_waits() -> None:
    x = torch.tensor([1.0, 0.0])

    def call() -> None:
        x.sum().item()
        x[x > 0]
        bool(x[0] > 0)

    assert waits_in(call) == {"aten::_local_scalar_dense": 2, "aten::nonzero": 1}


def test_forward_and_backward_wait_for_nothing(tiny_config: Config) -> None:
    model = build_training_model(tiny_config, 0, CPU)
    batch = random_batch(tiny_config, 4, seed=0)

    def step() -> None:
        data = model.data_preprocessor(batch, training=True)
        losses = model(**data, mode="loss")
        loss, _ = model.parse_losses(losses)
        loss.backward()

    step()  # caches of the first call
    model.neck.advance()
    assert waits_in(step) == {}
