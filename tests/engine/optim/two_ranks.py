"""One of two gloo ranks: train the small model on half of each batch, and save what came out.

Arguments: rank, file for the meeting of the ranks, output file.
"""

import math
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from torch import nn

from macbdf_mm.engine.optim import OMParetoOptimWrapper
from macbdf_mm.errors import NonFiniteObjectiveError

sys.path.insert(0, str(Path(__file__).parents[1]))

import two_encoders as parts

NUM_STEPS = 6
# Name -> arguments of the wrapper; each is also trained by one process on whole batches.
TRAININGS: dict[str, dict[str, Any]] = {
    "parameters": {},
    "features": {"gradients": "features"},
    "accumulation": {"accumulative_counts": 2},
    "clipping": {"clip_grad": {"max_norm": 0.1}},
}


def make_wrapper(model: nn.Module, kind: type = OMParetoOptimWrapper, **settings: Any) -> Any:
    """Return the wrapper, with an optimiser that would also move a gradient of zeros."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.5, eps=1e-2)
    return kind(
        optimizer=optimizer,
        unimodal_losses=["loss_frame_*"],
        encoders=parts.ENCODERS,
        **settings,
    )


def train(settings: dict[str, Any], rank: int | None = None) -> dict[str, Any]:
    """Return the weights, and alphas and norms, of a training on a rank, or of one process."""
    model = parts.make_model()
    wrapped = model if rank is None else MMDistributedDataParallel(model, device_ids=None)
    wrapper = make_wrapper(model, **{**settings})
    share = slice(None) if rank is None else slice(4 * rank, 4 * rank + 4)
    solved = []
    for step in range(NUM_STEPS):
        wrapped.train_step(parts.part_of(parts.make_batch(step), share), wrapper)
        weights = wrapper.take_solved()
        solved.append({name: (w.alpha_m, w.norm_m, w.norm_u) for name, w in weights.items()})
    return {"weights": model.state_dict(), "solved": solved}


def skip_step_of_both(rank: int) -> dict[str, Any]:
    """Return weights and scale after a step in which one rank alone meets an infinity."""
    model = parts.make_model(dtype=torch.float32)
    wrapper = make_wrapper(model, parts.CpuOMParetoAmpOptimWrapper, init_scale=2.0**10)
    if rank == 1:
        model.audio.first.weight.register_hook(lambda grad: grad * math.inf)
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    wrapped.train_step(parts.make_batch(0, dtype=torch.float32), wrapper)
    return {"weights": model.state_dict(), "scale": wrapper.loss_scaler.get_scale()}


def error_of_both(rank: int, gradients: str) -> str:
    """Return the error that a bad clip on one rank alone raises on this one."""
    model = parts.make_model()
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    batch = parts.make_batch(0)
    if rank == 1:
        batch["inputs"]["video"][0, 0] = math.nan
    try:
        wrapped.train_step(batch, make_wrapper(model, gradients=gradients))
    except NonFiniteObjectiveError as error:
        return str(error)
    return "no error"


def buffers_before_each_forward(rank: int) -> list[torch.Tensor]:
    """Return the running means that the forward passes of this rank began with."""
    model = parts.make_model(dtype=torch.float32)
    model.video.norm = nn.BatchNorm1d(5)
    seen: list[torch.Tensor] = []

    def normalise(module: nn.Module, args: tuple[torch.Tensor]) -> torch.Tensor:
        seen.append(module.norm.running_mean.clone())
        return module.norm(*args)

    model.video.register_forward_pre_hook(normalise)
    wrapped = MMDistributedDataParallel(model, device_ids=None, broadcast_buffers=True)
    wrapper = make_wrapper(model)
    share = slice(4 * rank, 4 * rank + 4)
    for step in range(3):
        batch = parts.make_batch(step, dtype=torch.float32)
        wrapped.train_step(parts.part_of(batch, share), wrapper)
    return seen


def main(rank: int, store: str, output: str) -> None:
    dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    result: dict[str, Any] = {name: train(each, rank) for name, each in TRAININGS.items()}
    result["skipped"] = skip_step_of_both(rank)
    result["errors"] = [error_of_both(rank, each) for each in ("parameters", "features")]
    result["buffers"] = buffers_before_each_forward(rank)
    torch.save(result, output)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
