import pytest
import torch

from macbdf_mm.models.layers.stems import ConvolutionalStem, PatchEmbedding, grid_of
from macbdf_mm.models.layers.step_masks import blank_invalid


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


def test_patches_check_their_input():
    with pytest.raises(ValueError, match=r"got \(2, 4, 6\)"):
        PatchEmbedding(3, 5, (2, 4, 4))(torch.zeros(1, 3, 2, 4, 6))


@pytest.mark.parametrize(
    ("patch", "size", "grid"),
    [
        ((2, 8, 8), (4, 16, 24), (2, 2, 3)),
        ((8, 4), (16, 16), (2, 4)),
        ((1, 2, 2), (3, 4, 4), (3, 2, 2)),
    ],
)
def test_grid_is_that_of_the_patches(patch, size, grid):
    stem = ConvolutionalStem(3, 32, patch)
    assert stem(torch.randn(2, 3, *size)).shape == (2, 32, *grid)


def test_every_pixel_reaches_the_tokens():
    x = torch.randn(1, 3, 4, 16, 16, requires_grad=True)
    ConvolutionalStem(3, 32, (2, 8, 8)).eval()(x).square().sum().backward()
    assert x.grad.ne(0).all()


def test_it_tells_neighbouring_pixels_apart():
    """A checkerboard and its negative have equal patch means but different tokens."""
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1.0).expand(1, 3, 2, 16, 16)
    stem = ConvolutionalStem(3, 32, (2, 8, 8)).eval()
    assert (stem(board) - stem(-board)).abs().max() > 1e-2


@pytest.mark.parametrize("patch", [(2, 14, 14), (1, 1), (0, 2)])
def test_strides_that_are_no_powers_of_two_are_refused(patch):
    with pytest.raises(ValueError, match="powers of two for the convolutional stem"):
        ConvolutionalStem(3, 32, patch)


def test_convolutions_check_their_input():
    with pytest.raises(ValueError, match=r"multiples of the patch \(2, 8, 8\)"):
        ConvolutionalStem(3, 32, (2, 8, 8))(torch.zeros(1, 3, 2, 8, 12))


@pytest.mark.parametrize(
    ("patch", "size", "time_dim"), [((2, 4, 4), (12, 8, 8), 2), ((4, 4), (8, 24), 3)]
)
def test_valid_tokens_are_those_of_the_clip_that_ends_there(patch, size, time_dim):
    stem = ConvolutionalStem(3, 16, patch).eval()
    for name, tensor in stem.state_dict().items():
        if name.endswith(("bias", "running_mean")):  # They start at zero.
            tensor.normal_()
    x = torch.randn(2, 3, *size)
    length = x.shape[time_dim]
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[0, length // 3 :] = mask[1, : length // 3] = False
    tokens = stem(blank_invalid(x, mask, time_dim), mask)
    per_step = length // tokens.shape[time_dim]
    for clip, start, stop in ((0, 0, length // 3), (1, length // 3, length)):
        alone = stem(x[clip : clip + 1].narrow(time_dim, start, stop - start))
        own = tokens[clip : clip + 1].narrow(
            time_dim, start // per_step, (stop - start) // per_step
        )
        torch.testing.assert_close(own, alone, rtol=1e-4, atol=1e-5)
