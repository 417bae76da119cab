"""Whole training steps: against stock layers, and OM-Pareto against a plain step."""

import copy
from collections.abc import Iterator, Mapping

from mmengine.config import Config
from mmengine.model import BaseModel

from benchmarks.calls import (
    build_training_model,
    plain_wrapper,
    random_batch,
    training_step,
)
from benchmarks.memory import peak_bytes
from benchmarks.rows import NotMeasuredError, Row, cost_row, memory_row, speed_row
from benchmarks.settings import CPU, Settings
from benchmarks.stock_layers import with_stock_convolutions, with_stock_layers
from benchmarks.timing import Call, Comparison, measure_in_turns
from macbdf_mm.apis.command_line import load_config

_FUSED = "stock layers, fused attention"
_EXPLICIT = "stock layers, explicit attention"
_CONVOLUTIONS = "the same model over nn.Conv"
_STEP_GOALS = {_FUSED: "step", _EXPLICIT: "step_explicit", _CONVOLUTIONS: None}
_OWN = "ours"
# The allocator's own ways move a peak by some hundredths from one step to the next.
_MEMORY_ROUNDS = 3


def measure_step(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of a step of the config's model with a plain optimiser, B=1."""
    cfg = load_config(settings.config)
    model = build_training_model(cfg, settings.seed, CPU)
    models = {
        _OWN: model,
        _FUSED: with_stock_layers(model),
        _EXPLICIT: with_stock_layers(model, is_attention_fused=False),
        _CONVOLUTIONS: with_stock_convolutions(model),
    }
    steps = _steps(models, {name: plain_wrapper(cfg) for name in models}, cfg, settings)
    seconds = measure_in_turns(steps, settings.clock(), settings.num_step_rounds)
    for peer, goal in _STEP_GOALS.items():
        comparison = Comparison(seconds[_OWN], seconds[peer])
        yield speed_row("training step", _setting(cfg), peer, comparison, goal)
    yield _memory_row("training step", steps[_OWN], steps[_FUSED], _FUSED, cfg, "step_memory")


def measure_checkpointing(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of a step that computes all blocks again in its backward, B=1.

    Raises:
        NotMeasuredError: In a quick run, which has no goal for it.
    """
    if settings.is_quick:
        raise NotMeasuredError("left out of a quick run")
    cfg = load_config(settings.config)
    model = build_training_model(cfg, settings.seed, CPU)
    models = {_OWN: model, "with_cp": _with_checkpoints(model)}
    steps = _steps(models, {name: plain_wrapper(cfg) for name in models}, cfg, settings)
    seconds = measure_in_turns(steps, settings.clock(), settings.num_step_rounds)
    comparison = Comparison(seconds["with_cp"], seconds[_OWN])
    what, peer = "training step with with_cp", "without"
    yield cost_row(what, _setting(cfg), peer, comparison)
    yield _memory_row(what, steps["with_cp"], steps[_OWN], peer, cfg)


def measure_om_pareto(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of the config's own step against a plain one, B=1."""
    cfg = load_config(settings.config)
    wrapper_type = cfg.get("optim_wrapper", {}).get("type", "nothing")
    if not wrapper_type.startswith("OMPareto"):
        raise NotMeasuredError(f"the config trains with {wrapper_type}, not OM-Pareto")
    model = build_training_model(cfg, settings.seed, CPU)
    models = {"plain": model, "om_pareto": copy.deepcopy(model)}
    wrappers = {"plain": plain_wrapper(cfg), "om_pareto": cfg.optim_wrapper}
    steps = _steps(models, wrappers, cfg, settings)
    # At least two: a single round of steps of seconds says little about a ratio of 1.7.
    num_rounds = max(2, settings.num_step_rounds)
    seconds = measure_in_turns(steps, settings.clock(), num_rounds)
    comparison = Comparison(seconds["om_pareto"], seconds["plain"])
    yield cost_row("OM-Pareto step", _setting(cfg), "plain step", comparison, "om_pareto")
    yield _memory_row(
        "OM-Pareto step", steps["om_pareto"], steps["plain"], "plain step", cfg, "om_pareto_memory"
    )


def _with_checkpoints(model: BaseModel) -> BaseModel:
    checkpointed = copy.deepcopy(model)
    for module in checkpointed.modules():
        if hasattr(module, "with_cp"):
            module.with_cp = True
    return checkpointed


def _steps(
    models: Mapping[str, BaseModel],
    wrappers: Mapping[str, Mapping],
    cfg: Config,
    settings: Settings,
) -> dict[str, Call]:
    batch = random_batch(cfg, 1, settings.seed)
    return {name: training_step(model, wrappers[name], batch) for name, model in models.items()}


def _memory_row(
    what: str, step: Call, peer_step: Call, peer: str, cfg: Config, goal: str | None = None
) -> Row:
    pairs = [(peak_bytes(step), peak_bytes(peer_step)) for _ in range(_MEMORY_ROUNDS)]
    own, other = zip(*pairs, strict=True)
    return memory_row(f"{what}, peak memory", _setting(cfg), peer, own, other, goal)


def _setting(cfg: Config) -> str:
    encoder = cfg.model.video_backbone.encoder
    return f"B=1, {encoder.num_frames} frames of {encoder.img_size}x{encoder.img_size}"
