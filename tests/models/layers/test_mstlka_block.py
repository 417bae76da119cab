import pytest
import torch

from macbdf_mm.models.layers.mstlka_block import GatedSpatialAttentionUnit, MSTLKABlock

SHAPES = [(3, (3, 4, 5)), (2, (6, 7))]
DILATIONS = (2, 3, 4)


def norm_in_float64(x, norm):
    mean, variance = x.mean(dim=1, keepdim=True), x.var(dim=1, keepdim=True, unbiased=False)
    affine = [-1, *[1] * (x.dim() - 2)]
    standard = (x - mean) / torch.sqrt(variance + norm.eps)
    return standard * norm.weight.double().view(affine) + norm.bias.double().view(affine)


@pytest.fixture
def dense_block(dense_depthwise, dense_pointwise):
    """A function: the block from the equations, by dense float64 convolutions, channels first."""

    def attention(x, layer):
        width = x.shape[1]
        a, value = dense_pointwise(x, layer.expand).split(width, dim=1)
        outs = []
        for index, dilation in enumerate(DILATIONS):
            scale = layer.scales[index]
            group = a[:, index * width // 3 : (index + 1) * width // 3]
            context = dense_depthwise(
                dense_depthwise(group, scale.depthwise), scale.dilated, dilation
            )
            outs.append(
                dense_depthwise(group, scale.gate) * dense_pointwise(context, scale.pointwise)
            )
        return dense_pointwise(value * torch.cat(outs, dim=1), layer.merge)

    def gate(x, unit):
        gate, value = dense_pointwise(x, unit.expand).split(x.shape[1], dim=1)
        return dense_pointwise(dense_depthwise(gate, unit.depthwise) * value, unit.merge)

    def forward(x, block):
        attended = attention(norm_in_float64(x, block.norm_1), block.attention)
        x = x + block.lambda_1.double() * attended
        return x + block.lambda_2.double() * gate(norm_in_float64(x, block.norm_2), block.gate)

    return forward


@pytest.mark.holds("Eq. 11", "Eq. 12", "Eq. 13", "MSTLKA, MFTLKA, GSAU")
@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_block_equals_dense_convolutions(num_dims, size, dense_block, randomise):
    block = randomise(MSTLKABlock(6, num_dims))
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    # float32 sums over up to 729 taps, three in a row.
    torch.testing.assert_close(
        block(x.float()).double(), dense_block(x, block), rtol=1e-4, atol=1e-4
    )


@pytest.mark.holds("MSTLKA, MFTLKA, GSAU")
@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_gradients_equal_those_of_dense_convolutions(num_dims, size, dense_block, randomise):
    block = randomise(MSTLKABlock(6, num_dims))
    x = torch.randn(1, 6, *size, dtype=torch.float64)
    block(x.float()).square().sum().backward()
    own = {name: p.grad.double() for name, p in block.named_parameters()}
    block.zero_grad()
    dense_block(x, block).square().sum().backward()
    for name, parameter in block.named_parameters():
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(
            own[name], parameter.grad.double(), rtol=1e-3, atol=1e-4 * scale, msg=name
        )


def test_residual_scales_start_at_three_tenths_and_learn_at_once():
    block = MSTLKABlock(6)
    assert block.lambda_1.item() == pytest.approx(0.3)
    assert block.lambda_2.item() == pytest.approx(0.3)
    block(torch.randn(2, 6, 4, 4, 4)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in block.parameters())


def test_branches_start_at_the_scale_of_their_input():
    """With PyTorch's default initialisation the attention would start near 0.01."""
    torch.manual_seed(0)
    block, tokens = MSTLKABlock(48, 2), torch.randn(2, 12, 12, 48)
    assert 0.2 < block.attention(tokens).std() < 3.0
    assert 0.2 < block.gate(tokens).std() < 3.0


@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_shape_is_kept_and_clips_do_not_mix(num_dims, size):
    block, x = MSTLKABlock(6, num_dims), torch.randn(3, 6, *size)
    out = block(x)
    assert out.shape == x.shape
    torch.testing.assert_close(block(x[1:2]), out[1:2], rtol=1e-5, atol=1e-6)


def test_other_dimensions_are_refused():
    with pytest.raises(ValueError, match="`num_dims` 2 or 3, got 1"):
        MSTLKABlock(6, num_dims=1)


@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_checkpointed_block_has_the_same_gradients_in_both_of_two_passes(num_dims, size):
    """OM-Pareto runs backward twice through one forward pass."""
    blocks = [MSTLKABlock(6, num_dims, with_cp=with_cp) for with_cp in (False, True)]
    blocks[1].load_state_dict(blocks[0].state_dict())
    x = torch.randn(2, 6, *size)
    grads = []
    for block in blocks:
        out = block(x)
        out.square().sum().backward(retain_graph=True)
        out.sum().backward()
        grads.append([parameter.grad for parameter in block.parameters()])
    torch.testing.assert_close(grads[1], grads[0])


@pytest.mark.holds("Eq. 14")
@pytest.mark.parametrize(("num_dims", "size"), [(3, (3, 4, 5)), (2, (6, 7))])
def test_unit_equals_dense_convolutions(
    num_dims, size, dense_depthwise, dense_pointwise, randomise
):
    unit = randomise(GatedSpatialAttentionUnit(4, num_dims))
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    gate, value = dense_pointwise(x, unit.expand).split(4, dim=1)
    expected = dense_pointwise(dense_depthwise(gate, unit.depthwise) * value, unit.merge)
    out = unit(x.float().movedim(1, -1)).movedim(-1, 1)
    # float32 sums over 343 taps.
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-5)


def test_gate_reaches_three_positions_to_each_side():
    unit = GatedSpatialAttentionUnit(1, 2)
    x = torch.ones(1, 15, 1, 1, requires_grad=True)
    unit(x)[0, 7].sum().backward()
    assert x.grad.flatten().nonzero().flatten().tolist() == list(range(4, 11))


def test_scale_multiplies_the_result():
    unit, tokens = GatedSpatialAttentionUnit(4, 2), torch.randn(2, 5, 6, 4)
    torch.testing.assert_close(unit(tokens, torch.tensor(0.5)), 0.5 * unit(tokens))


# The lengths of both axes are beyond the reach of no kernel.
@pytest.mark.parametrize("with_cp", [False, True])
@pytest.mark.parametrize(("num_dims", "size", "time_dim"), [(3, (8, 3, 4), 2), (2, (4, 9), 3)])
def test_valid_steps_are_those_of_the_map_that_ends_there(
    num_dims, size, time_dim, with_cp, randomise
):
    block = randomise(MSTLKABlock(6, num_dims, with_cp=with_cp))
    x = torch.randn(2, 6, *size, requires_grad=True)
    mask = torch.ones(2, x.shape[time_dim], dtype=torch.bool)
    mask[0, 5:] = mask[1, :2] = False
    out = block(x, mask)
    for clip, start, stop in ((0, 0, 5), (1, 2, x.shape[time_dim])):
        own = out[clip : clip + 1].narrow(time_dim, start, stop - start)
        short = x[clip : clip + 1].narrow(time_dim, start, stop - start)
        torch.testing.assert_close(own, block(short), rtol=1e-4, atol=1e-4)
        # Nor does anything flow back.
        (grad,) = torch.autograd.grad(own.square().sum(), x, retain_graph=True)
        is_read = grad.abs().amax(dim=[d for d in range(x.dim()) if d not in (0, time_dim)])
        assert torch.equal(is_read[clip].ne(0), mask[clip])


@pytest.mark.parametrize(("num_dims", "size"), SHAPES)
def test_a_mask_without_gaps_changes_nothing(num_dims, size):
    block, x = MSTLKABlock(6, num_dims), torch.randn(2, 6, *size)
    length = size[0] if num_dims == 3 else size[1]
    torch.testing.assert_close(block(x, torch.ones(2, length, dtype=torch.bool)), block(x))
