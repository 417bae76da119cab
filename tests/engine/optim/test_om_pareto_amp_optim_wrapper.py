"""The registered class of mixed precision; its mathematics is tested with a scaler for CPUs."""

import copy
import math

import pytest
import torch
from mmengine.optim import AmpOptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from macbdf_mm.engine.optim import OMParetoAmpOptimWrapper
from macbdf_mm.engine.optim.om_pareto_mixin import OMParetoMixin


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
