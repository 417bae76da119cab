import pytest
import torch

from macbdf_mm.ops.depthwise.choose import (
    RULES,
    Algorithm,
    Case,
    choose_algorithm,
    describe,
)

VIDEO = Case(
    lengths=(8, 8, 8),
    kernel_size=(7, 7, 7),
    dilation=(3, 3, 3),
    is_tiny=False,
    needs_gradient=True,
    has_fast_kernel=True,
    is_regular=True,
)
AUDIO = VIDEO._replace(lengths=(8, 16), kernel_size=(7, 7), dilation=(1, 1))


@pytest.mark.parametrize(
    ("case", "algorithm"),
    [
        (VIDEO, Algorithm.TOEPLITZ),
        (VIDEO._replace(lengths=(8, 56, 56)), Algorithm.FORWARD_ONLY),
        (VIDEO._replace(dilation=(1, 1, 1)), Algorithm.FORWARD_ONLY),
        (VIDEO._replace(needs_gradient=False), Algorithm.FORWARD_ONLY),
        (VIDEO._replace(needs_gradient=False, dilation=(1, 1, 1)), Algorithm.TRIMMED),
        (VIDEO._replace(is_regular=False), Algorithm.STOCK),
        (VIDEO._replace(has_fast_kernel=False, dilation=(1, 1, 1)), Algorithm.TRIMMED),
        (VIDEO._replace(has_fast_kernel=False), Algorithm.TOEPLITZ),
        (AUDIO, Algorithm.FORWARD_ONLY),
        (AUDIO._replace(kernel_size=(5, 5)), Algorithm.CHANNELS_LAST),
        (AUDIO._replace(kernel_size=(3, 3)), Algorithm.TRIMMED),
        (AUDIO._replace(dilation=(2, 2)), Algorithm.TOEPLITZ),
        (AUDIO._replace(dilation=(2, 2), needs_gradient=False), Algorithm.CHANNELS_LAST),
    ],
)
def test_chosen_algorithm(case: Case, algorithm: Algorithm) -> None:
    assert choose_algorithm(case) is algorithm


def test_every_rule_says_why() -> None:
    assert all(rule.reason for rule in RULES)


def test_gradient_is_needed_only_where_grad_mode_and_a_tensor_ask_for_it() -> None:
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(2, 1, 3, 3, requires_grad=True)
    assert describe(x, weight, None, (1, 1)).needs_gradient
    assert not describe(x, weight.detach(), None, (1, 1)).needs_gradient
    with torch.no_grad():
        assert not describe(x, weight, None, (1, 1)).needs_gradient


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
    assert not describe(x, weight, None, (1, 1)).is_regular
