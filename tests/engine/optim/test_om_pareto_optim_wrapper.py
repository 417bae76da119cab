"""The wrapper against a step written by hand, and against everything people combine it with.

Each safety line was taken out once, and a test of this folder failed:

- here: the exchange of gradients, ``retain_graph``, the scaling of a loss that is accumulated,
  one count for two backward passes, forgetting the unimodal gradients and the objectives'
  values after a step, the skipped backward pass of an objective without a graph, both checks
  for what is not finite, their silence under a scaler, the unscaling of what is logged, the
  search for the encoders before training, the length of the combined gradient, the encoders'
  own pass and the check for uncalled ones where features decide;
- ``test_gradients.py``: double precision of the norms and of the dot product, the gradient
  of the unimodal objective alone, both fillings with zeros, what concerns several processes;
- ``test_om_pareto.py``: the plain sum of what is not finite, so that a scaler sees it;
- ``test_encoders.py``: the copy that may be changed in place;
- ``test_objectives.py``: the removal of the hook, losses handed out once;
- ``test_weighing.py``: the random stream kept from the peers.
"""

import copy
import math

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from torch import nn

from macbdf_mm.engine.optim import OMParetoAmpOptimWrapper, OMParetoOptimWrapper
from macbdf_mm.engine.optim.om_pareto import solve
from macbdf_mm.engine.optim.om_pareto_optim_wrapper import MOST_SKIPPED_IN_A_ROW, OMParetoMixin
from macbdf_mm.errors import ConfigError, NonFiniteObjectiveError

LEARNING_RATE = 0.5
NUM_STEPS = 8
SETTINGS = {
    "unimodal_losses": ["loss_frame_*"],
    "encoders": {"video": "video", "audio": "audio"},
}


def make_wrapper(model, kind=OMParetoOptimWrapper, optimizer=None, **settings):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    # The paper's rule, as `two_encoders` writes it out.
    return kind(optimizer=optimizer, **{**SETTINGS, "dead_zone": 0.0, **settings})


def assert_equal_weights(model, other, rtol=1e-9, atol=1e-12):
    expected = dict(other.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter, expected[name], rtol=rtol, atol=atol, msg=lambda m, n=name: f"{n}: {m}"
        )


def train(model, wrapper, batches):
    """Train, and return how the gradients of each step were combined."""
    solved = []
    for batch in batches:
        model.train_step(batch, wrapper)
        solved.append(wrapper.take_solved())
    return solved


def batches_of(two_encoders, num=NUM_STEPS, **options):
    return [two_encoders.make_batch(number, **options) for number in range(num)]


@pytest.mark.holds("Eq. 24")
@pytest.mark.parametrize("gradients", ["parameters", "features"])
def test_steps_equal_those_written_by_hand(two_encoders, gradients):
    by_hand_of = {
        "parameters": two_encoders.gradients_by_hand,
        "features": two_encoders.feature_gradients_by_hand,
    }[gradients]
    model = two_encoders.make_model()
    by_hand = copy.deepcopy(model)
    batches = batches_of(two_encoders)
    solved = train(model, make_wrapper(model, gradients=gradients), batches)
    for batch in batches:
        steps = by_hand_of(by_hand, batch)
        with torch.no_grad():
            for name, parameter in by_hand.named_parameters():
                if name in steps:
                    parameter -= LEARNING_RATE * steps[name]
    assert_equal_weights(model, by_hand)
    conflicts = [weights.is_conflict for step in solved for weights in step.values()]
    assert True in conflicts
    assert False in conflicts


def test_what_was_solved_is_told_once_with_true_norms(two_encoders):
    model = two_encoders.make_model()
    batch = two_encoders.make_batch(0)
    flat = [
        torch.cat([g.flatten() for g in torch.autograd.grad(
            objective, list(model.video.parameters()), allow_unused=True) if g is not None])
        for objective in two_encoders.separate_objectives(model, batch)
    ]  # fmt: skip
    wrapper = make_wrapper(model)
    model.train_step(batch, wrapper)
    solved = wrapper.take_solved()
    assert set(solved) == {"video", "audio"}
    assert solved["video"].norm_m == pytest.approx(float(flat[0].norm()), rel=1e-6)
    assert solved["video"].norm_u == pytest.approx(float(flat[1].norm()), rel=1e-6)
    assert wrapper.take_solved() == {}


def test_the_plain_wrapper_trains_the_same_model_unchanged(two_encoders):
    model = two_encoders.make_model()
    model.train_step(two_encoders.make_batch(0), make_wrapper(model))
    assert not model._forward_hooks
    twin = copy.deepcopy(model)
    plain = OptimWrapper(torch.optim.SGD(model.parameters(), lr=LEARNING_RATE))
    model.train_step(two_encoders.make_batch(1), plain)
    losses = twin(**two_encoders.make_batch(1), mode="loss")
    twin.parse_losses(losses)[0].backward()
    torch.optim.SGD(twin.parameters(), lr=LEARNING_RATE).step()
    assert_equal_weights(model, twin, rtol=0, atol=0)


@pytest.mark.holds("optim_wrapper.method")
def test_method_sum_is_the_plain_step(two_encoders):
    model = two_encoders.make_model()
    plain = copy.deepcopy(model)
    batches = batches_of(two_encoders)
    train(model, make_wrapper(model, method="sum"), batches)
    wrapper = OptimWrapper(torch.optim.SGD(plain.parameters(), lr=LEARNING_RATE))
    for batch in batches:
        plain.train_step(batch, wrapper)
    assert_equal_weights(model, plain)


@pytest.mark.parametrize("num_parts", [2, 4])
def test_accumulation_equals_the_big_batch(two_encoders, num_parts):
    model = two_encoders.make_model()
    big = copy.deepcopy(model)
    batches = batches_of(two_encoders)
    size = 8 // num_parts
    parts = [
        two_encoders.part_of(batch, slice(start, start + size))
        for batch in batches
        for start in range(0, 8, size)
    ]
    solved = train(model, make_wrapper(model, accumulative_counts=num_parts), parts)
    expected = train(big, make_wrapper(big), batches)
    assert_equal_weights(model, big)
    assert sum(map(bool, solved)) == NUM_STEPS, "solved once per update"
    assert solved[num_parts - 1]["video"].alpha_m == pytest.approx(expected[0]["video"].alpha_m)


def test_the_last_update_of_an_accumulation_has_fewer_iterations(two_encoders):
    model = two_encoders.make_model()
    big = copy.deepcopy(model)
    batch = two_encoders.make_batch(0)
    wrapper = make_wrapper(model, accumulative_counts=4)
    wrapper.initialize_count_status(model, init_counts=0, max_counts=2)
    train(model, wrapper, [two_encoders.part_of(batch, slice(i, i + 4)) for i in (0, 4)])
    train(big, make_wrapper(big), [batch])
    assert_equal_weights(model, big)


@pytest.mark.holds("optim_wrapper.gradients")
def test_features_go_through_the_encoders_once(two_encoders):
    passes = {}
    for gradients in ("parameters", "features"):
        model = two_encoders.make_model()
        model.video.second.weight.register_hook(
            lambda _grad, key=gradients: passes.update({key: passes.get(key, 0) + 1})
        )
        train(model, make_wrapper(model, gradients=gradients), batches_of(two_encoders, num=1))
    assert passes == {"parameters": 2, "features": 1}


def _call_forward(module, *inputs):
    return module.forward(*inputs)


def test_features_need_the_encoder_to_be_called(two_encoders):
    model = two_encoders.make_model()
    # As a model that goes around its encoder's forward: hooks on the module see nothing.
    model.video.__class__ = type("Uncalled", (type(model.video),), {"__call__": _call_forward})
    wrapper = make_wrapper(model, gradients="features")
    with pytest.raises(ConfigError, match="output of the encoder 'video', which the forward pass"):
        model.train_step(two_encoders.make_batch(0), wrapper)


def test_features_of_a_frozen_encoder_are_left_alone(two_encoders):
    model = two_encoders.make_model()
    model.video.requires_grad_(False)
    audio = model.audio.first.weight.clone()
    batches = batches_of(two_encoders, num=1)
    assert set(train(model, make_wrapper(model, gradients="features"), batches)[0]) == {"audio"}
    assert not torch.equal(model.audio.first.weight, audio)


def test_frozen_parts_stay_and_the_rest_trains_as_by_hand(two_encoders):
    model = two_encoders.make_model()
    model.video.first.requires_grad_(False)
    model.audio.requires_grad_(False)
    model.exchange.requires_grad_(False)
    start = copy.deepcopy(model)
    by_hand = two_encoders.gradients_by_hand(
        copy.deepcopy(model), two_encoders.make_batch(0), ["video"]
    )
    train(model, make_wrapper(model), [two_encoders.make_batch(0)])
    before = dict(start.named_parameters())
    for name, parameter in model.named_parameters():
        step = LEARNING_RATE * by_hand[name] if name in by_hand else 0.0
        torch.testing.assert_close(parameter, before[name] - step, rtol=1e-9, atol=1e-12)
    assert not any(name.startswith(("audio", "exchange", "video.first")) for name in by_hand)


def test_a_parameter_that_no_objective_reaches_is_left_to_itself(two_encoders):
    """With a gradient of zeros AdamW would decay it."""
    model = two_encoders.make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    train(model, make_wrapper(model, optimizer=optimizer), batches_of(two_encoders, num=2))
    assert torch.equal(model.video.spare, torch.ones(3, dtype=torch.float64))
    assert optimizer.state[model.video.only_multimodal], "one objective reaches it"


@pytest.mark.parametrize("gradients", ["parameters", "features"])
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpointing_changes_nothing(two_encoders, use_reentrant, gradients):
    plain = two_encoders.make_model()
    checkpointed = two_encoders.make_model(use_reentrant)
    batches = batches_of(two_encoders)
    for model in (plain, checkpointed):
        start = copy.deepcopy(model.video)
        train(model, make_wrapper(model, gradients=gradients), batches)
        assert not torch.equal(model.video.second.weight, start.second.weight)
    assert_equal_weights(checkpointed, plain)


def test_clipping_comes_after_the_combination_and_logs_the_norm_before(two_encoders):
    model = two_encoders.make_model()
    before = copy.deepcopy(model)
    batch = two_encoders.make_batch(2)
    gradients = two_encoders.gradients_by_hand(copy.deepcopy(model), batch)
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
    wrapper = make_wrapper(model, clip_grad={"max_norm": norm / 3})
    model.train_step(batch, wrapper)
    assert wrapper.message_hub.get_scalar("train/grad_norm").current() == pytest.approx(norm)
    moved = model.video.first.weight - before.video.first.weight
    expected = -LEARNING_RATE * gradients["video.first.weight"] / 3
    torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-12)


def test_paramwise_settings_scale_the_combined_gradient(two_encoders):
    model = two_encoders.make_model()
    before = copy.deepcopy(model)
    batch = two_encoders.make_batch(2)
    gradients = two_encoders.gradients_by_hand(copy.deepcopy(model), batch)
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type="DefaultOptimWrapperConstructor",
            optim_wrapper_cfg=dict(
                type="macbdf_mm.OMParetoOptimWrapper",
                optimizer=dict(type="SGD", lr=LEARNING_RATE),
                **SETTINGS,
            ),
            paramwise_cfg=dict(custom_keys={"video.first": dict(lr_mult=0.1)}),
        )
    )
    model.train_step(batch, constructor(model))
    for name, factor in [("video.first", 0.1), ("video.second", 1.0)]:
        moved = model.get_submodule(name).weight - before.get_submodule(name).weight
        expected = -factor * LEARNING_RATE * gradients[f"{name}.weight"]
        torch.testing.assert_close(moved, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [2.0**10, 2.0**16])
def test_the_scale_of_mixed_precision_cancels(two_encoders, scale):
    model = two_encoders.make_model(dtype=torch.float32)
    plain = copy.deepcopy(model)
    batches = batches_of(two_encoders, dtype=torch.float32)
    clip = {"max_norm": 0.2}
    amp = make_wrapper(
        model, two_encoders.CpuOMParetoAmpOptimWrapper, init_scale=scale, clip_grad={**clip}
    )
    solved = train(model, amp, batches)
    expected = train(plain, make_wrapper(plain, clip_grad={**clip}), batches)
    # Powers of two scale float32 exactly; what is left is the rounding of the clipping.
    assert_equal_weights(model, plain, rtol=1e-5, atol=1e-6)
    assert solved[0]["video"].norm_m == pytest.approx(expected[0]["video"].norm_m, rel=1e-5)
    assert any(step["video"].is_conflict for step in solved)


@pytest.mark.parametrize("where", ["video.first.weight", "overall.weight"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_skips_the_step_and_halves_the_scale(
    two_encoders, where, value
):
    model = two_encoders.make_model(dtype=torch.float32)
    before = copy.deepcopy(model)
    wrapper = make_wrapper(model, two_encoders.CpuOMParetoAmpOptimWrapper, init_scale=2.0**10)
    handle = model.get_parameter(where).register_hook(lambda grad: torch.full_like(grad, value))
    model.train_step(two_encoders.make_batch(0, dtype=torch.float32), wrapper)
    assert_equal_weights(model, before, rtol=0, atol=0)
    assert wrapper.loss_scaler.get_scale() == 2.0**9
    handle.remove()
    model.train_step(two_encoders.make_batch(0, dtype=torch.float32), wrapper)
    assert not torch.equal(model.video.first.weight, before.video.first.weight)
    assert wrapper.loss_scaler.get_scale() == 2.0**9


def test_in_mixed_precision_an_objective_that_is_not_finite_skips_the_step(two_encoders):
    model = two_encoders.make_model(dtype=torch.float32)
    before = copy.deepcopy(model)
    wrapper = make_wrapper(model, two_encoders.CpuOMParetoAmpOptimWrapper, init_scale=2.0**10)
    bad = two_encoders.make_batch(0, dtype=torch.float32)
    bad["inputs"]["video"][0, 0] = math.inf
    solved = train(model, wrapper, [bad])
    assert_equal_weights(model, before, rtol=0, atol=0)
    assert wrapper.loss_scaler.get_scale() == 2.0**9
    assert math.isnan(solved[0]["video"].cos)


def test_in_mixed_precision_a_model_without_numbers_is_given_up(two_encoders):
    model = two_encoders.make_model(dtype=torch.float32)
    wrapper = make_wrapper(model, two_encoders.CpuOMParetoAmpOptimWrapper, init_scale=1.0)
    good = two_encoders.make_batch(0, dtype=torch.float32)
    bad = copy.deepcopy(good)
    bad["inputs"]["video"][0, 0] = math.nan
    train(model, wrapper, [bad] * MOST_SKIPPED_IN_A_ROW + [good] + [bad] * MOST_SKIPPED_IN_A_ROW)
    iteration = 2 * MOST_SKIPPED_IN_A_ROW + 2
    with pytest.raises(
        NonFiniteObjectiveError, match=f"multimodal objective is nan at iteration {iteration}:"
    ):
        train(model, wrapper, [bad])


@pytest.mark.parametrize(
    ("loss", "objective"),
    [("loss_overall", "multimodal"), ("loss_frame_video", "unimodal")],
)
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_an_objective_that_is_not_finite_is_named(two_encoders, loss, objective, value):
    model = two_encoders.make_model()
    wrapper = make_wrapper(model)
    train(model, wrapper, batches_of(two_encoders, num=2))
    before = copy.deepcopy(model)
    forward = model.forward
    model.forward = lambda *a, **k: {**(f := forward(*a, **k)), loss: f[loss] * value}
    with pytest.raises(
        NonFiniteObjectiveError, match=f"The {objective} objective is {value} at iteration 3:"
    ):
        model.train_step(two_encoders.make_batch(0), wrapper)
    assert_equal_weights(model, before, rtol=0, atol=0)

    # Whoever catches the error can drop that batch and go on.
    model.forward = forward
    wrapper.zero_grad()
    model.train_step(two_encoders.make_batch(0), wrapper)
    assert not torch.equal(model.video.first.weight, before.video.first.weight)


def test_with_accumulation_the_very_iteration_is_named(two_encoders):
    model = two_encoders.make_model()
    wrapper = make_wrapper(model, accumulative_counts=4)
    model.train_step(two_encoders.make_batch(0), wrapper)
    bad = two_encoders.make_batch(1)
    bad["inputs"]["video"][0, 0] = math.nan
    model.train_step(bad, wrapper)
    model.train_step(two_encoders.make_batch(2), wrapper)
    with pytest.raises(
        NonFiniteObjectiveError, match="multimodal objective is nan at iteration 2:"
    ):
        model.train_step(two_encoders.make_batch(3), wrapper)


def test_a_gradient_that_is_not_finite_is_named(two_encoders):
    model = two_encoders.make_model()
    model.audio.first.weight.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(
        NonFiniteObjectiveError,
        match=r"gradient of the multimodal objective has the norm (inf|nan) in encoder 'audio' at "
        "iteration 1:",
    ):
        model.train_step(two_encoders.make_batch(0), make_wrapper(model))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"unimodal_losses": ["loss_clip"]},
            r"No loss .* matches `unimodal_losses` \['loss_clip'\]",
        ),
        ({"unimodal_losses": "loss_*"}, r"Every loss of the model matches .* \['loss_\*'\]"),
        ({"encoders": {"video": "vidoe"}}, "no module 'vidoe' for 'video'; did you mean 'video'"),
    ],
)
def test_what_the_model_does_not_have_is_named(two_encoders, settings, message):
    model = two_encoders.make_model()
    with pytest.raises(ConfigError, match=message):
        model.train_step(two_encoders.make_batch(0), make_wrapper(model, **settings))


def test_a_wrong_encoder_shows_before_training(two_encoders):
    model = two_encoders.make_model()
    wrapper = make_wrapper(model, encoders={"video": "backbone"})
    with pytest.raises(ConfigError, match="TwoEncoders has no module 'backbone' for 'video'"):
        wrapper.initialize_count_status(model, 0, 10)


def test_gradients_are_of_two_kinds(two_encoders):
    with pytest.raises(ValueError, match=r"`gradients` to be one of .* got 'outputs'"):
        make_wrapper(two_encoders.make_model(), gradients="outputs")


def test_a_loss_that_is_not_the_sum_is_refused(two_encoders):
    model = two_encoders.make_model()
    wrapper = make_wrapper(model)
    with wrapper.optim_context(model):
        losses = model(**two_encoders.make_batch(0), mode="loss")
    total = model.parse_losses(losses)[0]
    with pytest.raises(ConfigError, match=r"do not add up to the model's loss .* at iteration 1"):
        wrapper.update_params(2 * total)


def test_an_update_needs_a_forward_pass_of_its_own(two_encoders):
    model = two_encoders.make_model()
    wrapper = make_wrapper(model)
    with wrapper.optim_context(model):
        losses = model(**two_encoders.make_batch(0), mode="loss")
    total = model.parse_losses(losses)[0]
    wrapper.update_params(total)
    with pytest.raises(ConfigError, match="OM-Pareto found no losses"):
        wrapper.update_params(total)


def test_an_objective_without_a_graph_counts_as_zero(two_encoders):
    model = two_encoders.make_model()
    plain = copy.deepcopy(model)
    for each in (model, plain):
        forward = each.forward
        each.forward = lambda *a, f=forward, **k: {
            "loss_overall": f(*a, **k)["loss_overall"],
            "loss_frame_video": torch.zeros((), dtype=torch.float64),
        }
    solved = train(model, make_wrapper(model), [two_encoders.make_batch(0)])
    assert solved[0]["video"].norm_u == 0.0
    wrapper = OptimWrapper(torch.optim.SGD(plain.parameters(), lr=LEARNING_RATE))
    plain.train_step(two_encoders.make_batch(0), wrapper)
    assert_equal_weights(model, plain)


def test_buffers_are_broadcast_after_an_update_and_not_while_gradients_accumulate(
    two_encoders, tmp_path
):
    model = two_encoders.make_model()
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrapped = MMDistributedDataParallel(model, device_ids=None)
        wrapper = make_wrapper(model, accumulative_counts=2)
        is_due = []
        for batch in batches_of(two_encoders, num=4):
            wrapped.train_step(batch, wrapper)
            is_due.append(wrapped.require_forward_param_sync)
    finally:
        torch.distributed.destroy_process_group()
    assert is_due == [False, True] * 2


def test_nested_wrappers_are_refused(two_encoders):
    model = two_encoders.make_model()
    model.video = nn.DataParallel(model.video)
    with pytest.raises(ConfigError, match="DataParallel is not supported"):
        model.train_step(two_encoders.make_batch(0), make_wrapper(model))


def test_it_is_mmengines_wrapper_with_the_mixin_before_it():
    assert OPTIM_WRAPPERS.get("macbdf_mm.OMParetoAmpOptimWrapper") is OMParetoAmpOptimWrapper
    order = OMParetoAmpOptimWrapper.__mro__
    assert order.index(OMParetoMixin) < order.index(AmpOptimWrapper)


@pytest.fixture
def on_gpu(two_encoders):
    """Model, wrapper and batches on the GPU; skipped, and said so, without one."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    model = two_encoders.make_model(dtype=torch.float32).cuda()
    batches = []
    for number in range(4):
        inputs = two_encoders.make_batch(number, dtype=torch.float32)["inputs"]
        batches.append({"inputs": {name: value.cuda() for name, value in inputs.items()}})

    def wrap(model, dtype, loss_scale=2.0**12):
        return OMParetoAmpOptimWrapper(
            optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
            unimodal_losses=["loss_frame_*"],
            encoders=two_encoders.ENCODERS,
            dtype=dtype,
            loss_scale=loss_scale,
        )

    return model, wrap, batches


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.02), ("bfloat16", 0.1)])
def test_mixed_precision_trains_near_full_precision(on_gpu, two_encoders, dtype, tolerance):
    model, wrap, batches = on_gpu
    start = copy.deepcopy(model.state_dict())
    by_hand = two_encoders.make_model().double()
    model.train_step(batches[0], wrap(model, dtype))
    gradients = two_encoders.gradients_by_hand(by_hand, two_encoders.make_batch(0))
    for name in ("video.second.weight", "overall.weight"):
        moved = (start[name] - model.get_parameter(name)).cpu().double()
        expected = 0.5 * gradients[name]
        assert float((moved - expected).norm()) <= tolerance * float(expected.norm())


@pytest.mark.gpu
def test_an_infinity_skips_the_step_and_halves_the_scale(on_gpu):
    model, wrap, batches = on_gpu
    wrapper = wrap(model, "float16", dict(init_scale=2.0**12))
    start = copy.deepcopy(model.state_dict())
    handle = model.audio.first.weight.register_hook(lambda grad: grad * math.inf)
    model.train_step(batches[0], wrapper)
    assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())
    assert wrapper.loss_scaler.get_scale() == 2.0**11
    handle.remove()
    model.train_step(batches[1], wrapper)
    assert not torch.equal(model.audio.first.weight, start["audio.first.weight"])


def test_the_settings_reach_the_solver(two_encoders):
    settings = {"lambda_0": 2.0, "kappa": 3.0, "descent_guard": "clamp", "dead_zone": 0.4}
    model = two_encoders.make_model()
    for others in ({}, {"normalised": True}, settings):
        wrapper = make_wrapper(model, **others)
        expected = solve(1.0, 3.0, -2.0, **{"dead_zone": 0.0, **others})
        assert wrapper._weigh(1.0, 3.0, -2.0) == expected
    plain = OMParetoOptimWrapper(optimizer=wrapper.optimizer, **SETTINGS)
    assert plain._weigh(9.0, 1.0, -0.5) == solve(9.0, 1.0, -0.5, dead_zone=0.1)
