import pytest
import torch

from macbdf_mm.ops.depthwise.lattice import join_points, lattice_lengths, split_points


def test_sub_lattice_holds_the_points_of_one_remainder() -> None:
    points = torch.arange(1.0, 7 * 5 + 1).view(1, -1)
    split = split_points(points, (7, 5), (3, 2), axis=1)
    lattices = split.view(3, 2, *lattice_lengths((7, 5), (3, 2)))
    grid = points.view(7, 5)
    for row in range(3):
        for column in range(2):
            expected = torch.zeros(3, 3)
            part = grid[row::3, column::2]
            expected[: part.shape[0], : part.shape[1]] = part
            torch.testing.assert_close(lattices[row, column], expected, rtol=0, atol=0)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 2, 2), (3, 1, 4)])
def test_joining_undoes_splitting(axis: int, dilation: tuple[int, ...]) -> None:
    lengths = (4, 7, 5)
    x = torch.randn(2, 140, 3) if axis == 1 else torch.randn(2, 3, 140)
    split = split_points(x, lengths, dilation, axis)
    torch.testing.assert_close(join_points(split, lengths, dilation, axis), x, rtol=0, atol=0)


@pytest.mark.parametrize("axis", [1, 2])
def test_gradients_of_split_and_join(axis: int) -> None:
    lengths, dilation = (3, 4), (2, 3)
    shape = (2, 12, 3) if axis == 1 else (2, 3, 12)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: split_points(x, lengths, dilation, axis), x)
    split = split_points(x, lengths, dilation, axis).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: join_points(x, lengths, dilation, axis), split)
