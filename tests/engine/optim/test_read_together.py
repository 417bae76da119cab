import torch

from macbdf_mm.engine.optim.read_together import read_together


def test_each_tensor_comes_back_flat():
    values = read_together(
        torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64),
        torch.tensor(5.5, requires_grad=True),
        torch.ones(0),
        torch.tensor([7.0], dtype=torch.float16),
    )
    assert values == [[1.0, 2.0, 3.0, 4.0], [5.5], [], [7.0]]
