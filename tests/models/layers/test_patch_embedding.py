import pytest
import torch

from macbdf_mm.models.layers.patch_embedding import PatchEmbedding, grid_of


@pytest.mark.parametrize(
    ("patch", "size", "grid"), [((2, 4, 4), (4, 8, 12), (2, 2, 3)), ((4, 2), (8, 8), (2, 4))]
)
def test_each_token_is_a_linear_map_of_its_patch(patch, size, grid):
    layer = PatchEmbedding(3, 5, patch)
    x = torch.randn(2, 3, *size)
    out = layer(x)
    assert out.shape == (2, 5, *grid)
    last = tuple(slice(-p, None) for p in patch)
    patch_values = x[(slice(None), slice(None), *last)].flatten(1)
    expected = patch_values @ layer.projection.weight.flatten(1).T + layer.projection.bias
    torch.testing.assert_close(out.flatten(2)[:, :, -1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(4, 8, 10), (4, 8), (1, 8, 8)])
def test_sizes_that_do_not_divide_are_refused(size):
    with pytest.raises(ValueError, match=r"multiples of the patch \(2, 4, 4\), got \("):
        grid_of(size, (2, 4, 4))


def test_forward_checks_its_input():
    with pytest.raises(ValueError, match=r"got \(2, 4, 6\)"):
        PatchEmbedding(3, 5, (2, 4, 4))(torch.zeros(1, 3, 2, 4, 6))
