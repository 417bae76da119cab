"""What a training step asks of the device and waits for: nothing but OM-Pareto's few numbers.

On the CPU such a wait is a call of ``aten::_local_scalar_dense`` (``.item()``, ``float()``,
``if tensor:``) or of an operation whose result has a size that depends on the data. The profiler
does not see ``.tolist()`` and its like, so whole steps are also watched from Python.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile

from benchmarks.calls import (
    build_training_model,
    plain_wrapper,
    random_batch,
    training_step,
)
from benchmarks.settings import CPU
from macbdf_mm.engine.run_options import use_full_precision

CONFIGS = Path(__file__).parents[2] / "configs"
WAITS = (
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::equal",
)

READS = (
    "item",
    "tolist",
    "cpu",
    "numpy",
    "__bool__",
    "__float__",
    "__int__",
    "__array__",
    "nonzero",
)


class Reads(TorchFunctionMode):
    """Counts reads of a tensor's values by the file that reads."""

    def __init__(self) -> None:
        super().__init__()
        self.by_file: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in READS:
            caller = sys._getframe(1)
            while "/torch/overrides.py" in caller.f_code.co_filename and caller.f_back:
                caller = caller.f_back
            self.by_file[Path(caller.f_code.co_filename).name] += 1
        return func(*args, **(kwargs or {}))


def waits_in(call: Callable[[], object]) -> Counter[str]:
    with profile(activities=[ProfilerActivity.CPU]) as record:
        call()
    counts = {event.key: event.count for event in record.key_averages() if event.key in WAITS}
    return Counter(counts)


@pytest.fixture(scope="module")
def tiny_config() -> Config:
    cfg = Config.fromfile(CONFIGS / "macbdf_dfdc.py")
    use_full_precision(cfg)
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


def test_the_reads_of_python_are_seen() -> None:
    x = torch.ones(2)
    with Reads() as reads:
        x.tolist()
        float(x[0])
        x.numpy()
        x.sum()
    assert reads.by_file == {"test_host_syncs.py": 3}


@pytest.mark.parametrize("is_om_pareto", [False, True])
def test_a_whole_step_reads_what_it_logs_and_once_for_om_pareto(
    tiny_config: Config, is_om_pareto: bool
) -> None:
    model = build_training_model(tiny_config, 0, CPU)
    wrapper = tiny_config.optim_wrapper if is_om_pareto else plain_wrapper(tiny_config)
    step = training_step(model, wrapper, random_batch(tiny_config, 4, seed=0))
    step()
    model.neck.advance()
    with Reads() as reads:
        step()
    # torch.optim's counters of steps stand on the host, whatever the device.
    reads.by_file.pop("optimizer.py", None)
    # Masks that are still on the host are looked at there: both of each clip.
    assert reads.by_file.pop("forgery_data_preprocessor.py") == 2 * 4
    # MMEngine logs the norm of the gradients.
    assert reads.by_file.pop("optimizer_wrapper.py") == 1
    assert reads.by_file == ({"gradients.py": 1} if is_om_pareto else {})
