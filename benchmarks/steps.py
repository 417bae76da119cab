"""Whole training steps: against stock layers, and OM-Pareto against a plain step."""

import copy
from collections.abc import Iterator, Mapping

from mmengine.config import Config
from mmengine.model import BaseModel

from benchmarks.calls import build_training_model, plain_wrapper, random_batch, training_step
from benchmarks.memory import peak_bytes
from benchmarks.rows import NotMeasuredError, Row, make_row
from benchmarks.settings import CPU, Settings
from benchmarks.stock_layers import with_stock_convolutions, with_stock_layers
from benchmarks.timing import Call
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.engine.run_options import use_full_precision

_FUSED = "stock layers, fused attention"
# Peer of the step -> the goal.
_STEP_GOALS = {
    _FUSED: "step",
    "stock layers, explicit attention": "step_explicit",
    "the same model over nn.Conv": None,
}
_OWN = "ours"
# The allocator's own ways move a peak by some hundredths from one step to the next.
_MEMORY_ROUNDS = 3


def measure_step(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of a step of the config's model with a plain optimiser, B=1."""
    cfg = load_config(settings.config)
    model = build_training_model(cfg, settings.seed, CPU)
    stock = (
        with_stock_layers(model),
        with_stock_layers(model, is_attention_fused=False),
        with_stock_convolutions(model),
    )
    steps = _plain_steps({_OWN: model, **dict(zip(_STEP_GOALS, stock, strict=True))}, cfg, settings)
    times = settings.measure(steps, settings.num_step_rounds)
    for peer, goal in _STEP_GOALS.items():
        yield make_row("training step", _setting(cfg), peer, times[_OWN], times[peer], goal=goal)
    yield _memory_row("training step", cfg, _FUSED, steps[_OWN], steps[_FUSED], "step_memory")


def measure_checkpointing(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of a step that computes all blocks again in its backward, B=1.

    Raises:
        NotMeasuredError: In a quick run, which has no goal for it.
    """
    if settings.is_quick:
        raise NotMeasuredError("left out of a quick run")
    cfg = load_config(settings.config)
    model = build_training_model(cfg, settings.seed, CPU)
    checkpointed = copy.deepcopy(model)
    for module in checkpointed.modules():
        if hasattr(module, "with_cp"):
            module.with_cp = True
    steps = _plain_steps({"with_cp": checkpointed, "without": model}, cfg, settings)
    yield from _costs("training step with with_cp", cfg, steps, settings, settings.num_step_rounds)


def measure_om_pareto(settings: Settings) -> Iterator[Row]:
    """Yield time and peak memory of the config's own step against a plain one, B=1."""
    cfg = load_config(settings.config)
    use_full_precision(cfg)
    wrapper_type = cfg.get("optim_wrapper", {}).get("type", "nothing")
    if not wrapper_type.startswith("OMPareto"):
        raise NotMeasuredError(f"the config trains with {wrapper_type}, not OM-Pareto")
    model = build_training_model(cfg, settings.seed, CPU)
    batch = random_batch(cfg, 1, settings.seed)
    steps = {
        "om_pareto": training_step(copy.deepcopy(model), cfg.optim_wrapper, batch),
        "plain step": training_step(model, plain_wrapper(cfg), batch),
    }
    # At least two: a single round of steps of seconds says little about a ratio of 1.7.
    num_rounds = max(2, settings.num_step_rounds)
    goals = ("om_pareto", "om_pareto_memory")
    yield from _costs("OM-Pareto step", cfg, steps, settings, num_rounds, goals)


def _plain_steps(
    models: Mapping[str, BaseModel], cfg: Config, settings: Settings
) -> dict[str, Call]:
    batch = random_batch(cfg, 1, settings.seed)
    return {name: training_step(each, plain_wrapper(cfg), batch) for name, each in models.items()}


def _costs(
    what: str,
    cfg: Config,
    steps: Mapping[str, Call],
    settings: Settings,
    num_rounds: int,
    goals: tuple[str | None, str | None] = (None, None),
) -> Iterator[Row]:
    """Yield how much more time and memory the first of two steps takes than the second."""
    times = settings.measure(steps, num_rounds)
    (_, step), (peer, peer_step) = steps.items()
    yield make_row(what, _setting(cfg), peer, *times.values(), is_cost=True, goal=goals[0])
    yield _memory_row(what, cfg, peer, step, peer_step, goals[1])


def _memory_row(
    what: str, cfg: Config, peer: str, step: Call, peer_step: Call, goal: str | None
) -> Row:
    peaks = [(peak_bytes(step), peak_bytes(peer_step)) for _ in range(_MEMORY_ROUNDS)]
    own, other = ([number / 1e6 for number in numbers] for numbers in zip(*peaks, strict=True))
    what = f"{what}, peak memory"
    return make_row(what, _setting(cfg), peer, own, other, unit="MB", is_cost=True, goal=goal)


def _setting(cfg: Config) -> str:
    encoder = cfg.model.video_backbone.encoder
    return f"B=1, {encoder.num_frames} frames of {encoder.img_size}x{encoder.img_size}"
