import pytest
import torch

from macbdf_mm.models.layers.convolutional_stem import ConvolutionalStem


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


def test_forward_checks_its_input():
    with pytest.raises(ValueError, match=r"multiples of the patch \(2, 8, 8\)"):
        ConvolutionalStem(3, 32, (2, 8, 8))(torch.zeros(1, 3, 2, 8, 12))
