import pytest
import torch

from macbdf_mm.models.layers.gated_spatial_attention_unit import GatedSpatialAttentionUnit


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
