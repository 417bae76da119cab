import importlib.util
import os
import subprocess
import sys
from math import prod

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from macbdf_mm.ops import use_triton
from macbdf_mm.ops.depthwise.choose import (
    NOTICEABLE_PRODUCTS,
    RULES,
    VARIABLE,
    Algorithm,
    Case,
    choose_algorithm,
    has_fast_forward,
    is_regular,
    is_triton_on,
    needs_gradient,
)

# The shapes of the `s` model's towers; maps in token layout are channels last.
VIDEO = Case(
    shape=(2, 64, 8, 14, 14),
    weight_shape=(64, 1, 7, 7, 7),
    dilation=(3, 3, 3),
    is_contiguous=False,
    needs_gradient=True,
    has_fast_kernel=True,
)
AUDIO = VIDEO._replace(
    shape=(8, 64, 4, 64), weight_shape=(64, 1, 7, 7), dilation=(1, 1), is_contiguous=False
)


def kernel(case: Case, size: int) -> tuple[int, ...]:
    return (64, 1, *[size] * len(case.dilation))


@pytest.mark.parametrize(
    ("case", "algorithm"),
    [
        (VIDEO, Algorithm.FORWARD_ONLY),
        (VIDEO._replace(dilation=(1, 1, 1)), Algorithm.FORWARD_ONLY),
        (VIDEO._replace(dilation=(4, 4, 4)), Algorithm.TOEPLITZ),
        (VIDEO._replace(dilation=(4, 4, 4), needs_gradient=False), Algorithm.FORWARD_ONLY),
        (VIDEO._replace(dilation=(1, 1, 1), needs_gradient=False), Algorithm.STOCK),
        (VIDEO._replace(has_fast_kernel=False), Algorithm.TRIMMED),
        (VIDEO._replace(has_fast_kernel=False, dilation=(4, 4, 4)), Algorithm.TOEPLITZ),
        (AUDIO, Algorithm.FORWARD_ONLY),
        (AUDIO._replace(weight_shape=kernel(AUDIO, 3)), Algorithm.STOCK),
        (AUDIO._replace(shape=(1, 64, 4, 64)), Algorithm.STOCK),
        (AUDIO._replace(shape=(1, 64, 4, 64), is_contiguous=True), Algorithm.CHANNELS_LAST),
        (AUDIO._replace(dilation=(3, 3)), Algorithm.FORWARD_ONLY),
        (AUDIO._replace(dilation=(4, 4), is_contiguous=True), Algorithm.TOEPLITZ),
        (AUDIO._replace(dilation=(2, 2), needs_gradient=False), Algorithm.STOCK),
        (AUDIO._replace(dilation=(3, 3), needs_gradient=False), Algorithm.FORWARD_ONLY),
        (AUDIO._replace(shape=(1, 8, 5, 9)), Algorithm.STOCK),
        (AUDIO._replace(is_on_gpu=True), Algorithm.TRITON),
    ],
)
def test_chosen_algorithm(case: Case, algorithm: Algorithm) -> None:
    assert choose_algorithm(case) is algorithm


def test_every_rule_says_why_and_is_needed() -> None:
    assert all(rule.reason for rule in RULES)
    assert {rule.algorithm for rule in RULES} == set(Algorithm)


def test_products_count_only_taps_that_read_the_input() -> None:
    case = VIDEO._replace(weight_shape=kernel(VIDEO, 9), dilation=(4, 4, 4))
    assert case.num_taps == 147
    assert case.num_products == 147 * 2 * 64 * 8 * 14 * 14
    assert case.is_trimmed
    assert not VIDEO._replace(dilation=(1, 1, 1)).is_trimmed


def test_matrices_are_repaid_by_as_many_lattices_as_points() -> None:
    # Dilation 4 leaves lattices of 2x4x4 points, 64 of them a sample.
    assert VIDEO._replace(dilation=(4, 4, 4), shape=(1, 64, 8, 14, 14)).repays_matrices
    # Dilation 3 leaves 3x5x5 points: 27 lattices do not repay them, 81 do.
    assert not VIDEO._replace(shape=(1, 64, 8, 14, 14)).repays_matrices
    assert VIDEO._replace(shape=(3, 64, 8, 14, 14)).repays_matrices


def test_forward_of_stock_is_fast_up_to_dilation_two_in_2d_only() -> None:
    assert has_fast_forward((1, 1, 1))
    assert not has_fast_forward((1, 2, 1))
    assert has_fast_forward((2, 1))
    assert not has_fast_forward((1, 3))


def test_gradient_is_needed_only_where_grad_mode_and_a_tensor_ask_for_it() -> None:
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(2, 1, 3, 3, requires_grad=True)
    assert needs_gradient(x, weight, None)
    assert needs_gradient(x, weight.detach(), torch.zeros(2, requires_grad=True))
    assert not needs_gradient(x, weight.detach(), None)
    with torch.no_grad():
        assert not needs_gradient(x, weight, None)


@pytest.mark.parametrize(
    ("x", "weight"),
    [
        (torch.randn(0, 2, 4, 4), torch.randn(2, 1, 3, 3)),
        (torch.randn(2, 4, 4), torch.randn(2, 1, 3, 3)),
        (torch.randn(1, 3, 4, 4), torch.randn(2, 1, 3, 3)),
        (torch.randn(1, 2, 4, 4), torch.randn(2, 1, 3, 3, dtype=torch.float64)),
        (torch.randn(1, 2, 4, 4, device="meta"), torch.randn(2, 1, 3, 3)),
    ],
    ids=["empty", "no batch", "channels", "types", "device"],
)
def test_odd_inputs_are_left_to_stock(x: torch.Tensor, weight: torch.Tensor) -> None:
    assert not is_regular(x, weight, None)


@given(
    lengths=st.lists(st.integers(1, 30), min_size=2, max_size=3),
    batch=st.integers(1, 4),
    size=st.sampled_from([1, 3, 5, 7, 9]),
    dilation=st.integers(1, 4),
    is_contiguous=st.booleans(),
    gradient=st.booleans(),
)
def test_unnoticeable_work_comes_out_as_stock(
    lengths: list[int],
    batch: int,
    size: int,
    dilation: int,
    is_contiguous: bool,
    gradient: bool,
) -> None:
    """The modules rely on it: they don't ask the table then."""
    axes = len(lengths)
    shape, weight_shape = (batch, 3, *lengths), (3, 1, *[size] * axes)
    case = Case(shape, weight_shape, (dilation,) * axes, is_contiguous, gradient, True)
    assume(prod(shape) * size**axes < NOTICEABLE_PRODUCTS)
    assert choose_algorithm(case) is Algorithm.STOCK


needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)


def test_kernels_are_off_unless_asked_for() -> None:
    assert not is_triton_on()


@needs_triton
def test_switch_goes_both_ways() -> None:
    use_triton()
    assert is_triton_on()
    use_triton(False)
    assert not is_triton_on()


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("0", False)])
def test_variable_switches_them_on(value: str, is_on: bool) -> None:
    code = (
        "from macbdf_mm.ops.depthwise.choose import is_triton_on; raise SystemExit(is_triton_on())"
    )
    environment = {**os.environ, VARIABLE: value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == is_on


def test_missing_triton_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"Triton is not installed, .*install `triton`"):
        use_triton()
    assert not is_triton_on()
