import numpy as np
import torch
from scipy.linalg import toeplitz

from macbdf_mm.ops.depthwise.stock import stock_conv
from macbdf_mm.ops.depthwise.toeplitz import tap_sums, toeplitz_conv, toeplitz_matrix


def test_matrix_of_one_axis_is_scipys_toeplitz_matrix() -> None:
    weight = torch.tensor([1.0, 2, 3, 4, 5], dtype=torch.float64).view(1, 1, 5, 1)
    matrix = toeplitz_matrix(weight, (6, 1))[0]
    # Outputs in columns: output o reads input i through tap i - o + 2.
    expected = toeplitz([3.0, 4, 5, 0, 0, 0], [3.0, 2, 1, 0, 0, 0])
    np.testing.assert_array_equal(matrix.numpy(), expected)


def test_convolution_by_matrices_equals_stock() -> None:
    x = torch.randn(2, 3, 5, 4, 3, dtype=torch.float64)
    weight = torch.randn(3, 1, 5, 3, 7, dtype=torch.float64)
    y = toeplitz_conv(x, weight, None, (2, 1, 3))
    torch.testing.assert_close(y, stock_conv(x, weight, None, (2, 1, 3)))


def test_tap_sums_undo_the_filling() -> None:
    """The sum over places is the transposed map: <matrix(w), m> = <w, sums(m)>."""
    weight = torch.randn(2, 1, 3, 5, dtype=torch.float64)
    products = torch.randn(2, 12, 12, dtype=torch.float64)
    left = (toeplitz_matrix(weight, (4, 3)) * products).sum()
    right = (weight * tap_sums(products, (3, 5), (4, 3))).sum()
    torch.testing.assert_close(left, right)
