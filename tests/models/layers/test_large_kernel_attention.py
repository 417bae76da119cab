import pytest
import torch

from macbdf_mm.models.layers.large_kernel_attention import (
    DEFAULT_KERNELS,
    LargeKernelBranch,
    MultiScaleLargeKernelAttention,
)

SHAPES = [(3, (3, 4, 5)), (2, (6, 7))]


@pytest.fixture
def dense_branch(dense_depthwise, dense_pointwise):
    """A function: G(a) * PW(DWD(DW(a))) by dense convolutions in float64."""

    def forward(x, branch, dilation):
        local = dense_depthwise(x, branch.depthwise)
        context = dense_pointwise(
            dense_depthwise(local, branch.dilated, dilation), branch.pointwise
        )
        return dense_depthwise(x, branch.gate) * context

    return forward


@pytest.mark.holds("Eq. 15", "Eq. 16")
@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
@pytest.mark.parametrize("kernels", DEFAULT_KERNELS)
def test_branch_equals_dense_convolutions(num_dims, size, kernels, dense_branch, randomise):
    branch = randomise(LargeKernelBranch(4, kernels, num_dims))
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    expected = dense_branch(x, branch, kernels.dilation)
    out = branch(x.float()).movedim(-1, 1)
    # float32 sums over up to 729 taps.
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.holds("Eq. 12")
@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_attention_equals_dense_convolutions(
    num_dims, size, dense_branch, dense_pointwise, randomise
):
    layer = randomise(MultiScaleLargeKernelAttention(6, num_dims))
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    a, value = dense_pointwise(x, layer.expand).split(6, dim=1)
    groups = [
        dense_branch(a[:, 2 * i : 2 * i + 2], layer.scales[i], DEFAULT_KERNELS[i].dilation)
        for i in range(3)
    ]
    expected = dense_pointwise(value * torch.cat(groups, dim=1), layer.merge)
    out = layer(x.float().movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-5)


def test_scale_multiplies_the_result():
    layer, tokens = MultiScaleLargeKernelAttention(6, 2), torch.randn(2, 5, 6, 6)
    torch.testing.assert_close(layer(tokens, torch.tensor(0.5)), 0.5 * layer(tokens))


@pytest.mark.holds("Eq. 15", "receptive field")
@pytest.mark.parametrize(("num_dims", "axis"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
@pytest.mark.parametrize("kernels", DEFAULT_KERNELS)
def test_receptive_field_of_a_branch(kernels, num_dims, axis):
    """The gradient's support is DW - 1 + (DWD - 1) * dilation + 1 taps wide, or G's if wider."""
    length = 61
    branch = LargeKernelBranch(1, kernels, num_dims)
    for parameter in branch.parameters():
        torch.nn.init.ones_(parameter)
    size = [length if each == axis else 1 for each in range(num_dims)]
    x = torch.ones(1, 1, *size, requires_grad=True)
    branch(x).flatten()[length // 2].backward()
    reached = x.grad.flatten().nonzero().flatten()
    field = kernels.depthwise - 1 + (kernels.dilated - 1) * kernels.dilation + 1
    assert reached.max() - reached.min() + 1 == max(field, kernels.gate)
    assert reached.float().mean() == length // 2


def test_depthwise_kernels_are_twice_the_dilation_less_one():
    assert all(group.depthwise == 2 * group.dilation - 1 for group in DEFAULT_KERNELS)


def test_other_kernels_can_be_stated():
    layer = MultiScaleLargeKernelAttention(4, 2, kernels=[(3, 3, 2, 1), (1, 5, 1, 3)])
    assert layer.scales[1].dilated.kernel_size == (5, 5)
    assert layer(torch.randn(1, 3, 3, 4)).shape == (1, 3, 3, 4)


def test_width_must_divide_into_the_scales():
    with pytest.raises(ValueError, match=r"`embed_dims` to be a multiple of the 3 .* Try 102"):
        MultiScaleLargeKernelAttention(100, 3)


def test_no_scales_are_refused():
    with pytest.raises(ValueError, match="got no `kernels`"):
        MultiScaleLargeKernelAttention(6, 3, kernels=[])


def test_a_scale_has_four_numbers():
    with pytest.raises(ValueError, match=r"four numbers, .*, got \(3, 5, 2\)"):
        LargeKernelBranch(4, (3, 5, 2), 3)
