import pytest
import torch

from macbdf_mm.apis.onnx_decompositions import (
    cumulative_maximum,
    cumulative_minimum,
    solve_lower_triangular,
)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 100])
@pytest.mark.parametrize("dim", [0, 1])
def test_cumulative_extremes_are_those_of_torch(size, dim):
    torch.manual_seed(size)
    values = torch.randint(-50, 50, (size, 3) if dim == 0 else (3, size))
    assert torch.equal(cumulative_maximum(values, dim)[0], values.cummax(dim).values)
    assert torch.equal(cumulative_minimum(values, dim)[0], values.cummin(dim).values)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 64, 100])
def test_a_triangular_system_is_solved_as_torch_solves_it(size):
    torch.manual_seed(size)
    rows = torch.randn(4 * size, size, dtype=torch.float64)
    factor = torch.linalg.cholesky(rows.T @ rows / len(rows) + 0.01 * torch.eye(size))
    right = torch.randn(size, 7, dtype=torch.float64)
    solved = solve_lower_triangular(factor, right, upper=False)
    torch.testing.assert_close(solved, torch.linalg.solve_triangular(factor, right, upper=False))


def test_other_systems_are_refused():
    with pytest.raises(NotImplementedError):
        solve_lower_triangular(torch.eye(2), torch.eye(2), upper=True)
