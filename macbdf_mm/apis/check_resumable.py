"""Whether a run can go on from a checkpoint, asked before it starts."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from macbdf_mm.errors import CheckpointMismatchError

_KINDS = {"meta": Mapping, "message_hub": Mapping, "optimizer": Mapping, "param_schedulers": list}
_OF_MESSAGE_HUB = ("log_scalars", "runtime_info", "resumed_keys")


def check_resumable(checkpoint: Mapping[str, Any], runner: Runner, cfg: Config) -> None:
    """Return if a checkpoint has all that a run goes on with, and it belongs to this config.

    Args:
        checkpoint: Its weights are looked at elsewhere.
        runner: Of the run; its optimiser is made, as it would be in training.
        cfg: Of the run; ``load_from`` is the checkpoint's path.

    Raises:
        CheckpointMismatchError: If something is missing, or of another optimiser or schedule.
    """
    path = cfg.load_from
    needed = ["meta", "message_hub", "optimizer"]
    if cfg.get("param_scheduler"):
        needed.append("param_schedulers")
    missing = [key for key in needed if key not in checkpoint]
    if missing:
        raise CheckpointMismatchError(
            f"Cannot resume from '{path}': it has no `{missing[0]}`, as the best checkpoints have "
            "not, which hold weights only. Resume from an epoch's checkpoint, or begin a new run "
            "with these weights: --cfg-options load_from=PATH without --resume."
        )
    meta, hub = checkpoint["meta"], checkpoint["message_hub"]
    odd = [key for key in needed if not isinstance(checkpoint[key], _KINDS[key])]
    if not odd:
        odd += [
            f"meta.{key}"
            for key in ("epoch", "iter")
            if not isinstance(meta.get(key), int) or meta[key] < 0
        ]
        odd += ["meta.seed"] if not isinstance(meta.get("seed", 0), int) else []
        odd += [
            f"message_hub.{key}" for key in _OF_MESSAGE_HUB if not isinstance(hub.get(key), Mapping)
        ]
    if odd:
        raise CheckpointMismatchError(
            f"Cannot resume from '{path}': its `{odd[0]}` is not what MMEngine saves there. Resume "
            "from another checkpoint of the run."
        )
    stated = cfg.get("param_scheduler")
    stated = stated if isinstance(stated, list | tuple) else [stated] if stated else []
    stored = checkpoint.get("param_schedulers", [])
    if len(stored) != len(stated) or not all(isinstance(state, Mapping) for state in stored):
        raise CheckpointMismatchError(
            f"Cannot resume from '{path}': it has the state of {len(stored)} schedulers, and "
            f"`param_scheduler` names {len(stated)}; resume with the config that was saved beside "
            "it."
        )
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if isinstance(runner.optim_wrapper, OptimWrapper):
        problem = _unlike(checkpoint["optimizer"], runner.optim_wrapper.optimizer)
        if problem is not None:
            raise CheckpointMismatchError(
                f"Cannot resume from '{path}': {problem}. Resume with the config that was saved "
                "beside it, or begin a new run with these weights: --cfg-options load_from=PATH "
                "without --resume."
            )


def _unlike(stored: Mapping[str, Any], optimizer: Optimizer) -> str | None:
    """Return how a saved optimiser differs from one that was made, None if it fits."""
    groups, state = stored.get("param_groups"), stored.get("state")
    own = optimizer.param_groups
    if (
        not isinstance(groups, list)
        or not isinstance(state, Mapping)
        or not all(isinstance(group, Mapping) for group in groups)
    ):
        return "its `optimizer` is not the state of an optimiser"
    sizes = [len(group.get("params", ())) for group in groups]
    if sizes != [len(group["params"]) for group in own]:
        return (
            f"its optimiser has {len(sizes)} groups of {sum(sizes)} parameters, and that of the "
            f"config {len(own)} groups of {sum(len(group['params']) for group in own)}"
        )
    for old, new in zip(groups, own, strict=True):
        # Switches may be missing: later versions of PyTorch have more of them.
        stated = [
            name
            for name, value in new.items()
            if isinstance(value, int | float | tuple | list) and not isinstance(value, bool)
        ]
        if lacking := [name for name in stated if name not in old]:
            return f"it was saved with another optimiser, which has no `{lacking[0]}`"
        for key, parameter in zip(old["params"], new["params"], strict=True):
            for name, value in (state.get(key) or {}).items():
                is_like = not isinstance(value, Tensor) or value.shape in ((), parameter.shape)
                if not is_like:
                    return (
                        f"`{name}` of its optimiser has shape {tuple(value.shape)} for a parameter "
                        f"of shape {tuple(parameter.shape)}"
                    )
    return None
