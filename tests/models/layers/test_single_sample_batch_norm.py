import torch

from macbdf_mm.models.layers.single_sample_batch_norm import SingleSampleBatchNorm1d


def norm_with_statistics():
    norm = SingleSampleBatchNorm1d(3)
    norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    norm.running_var.copy_(torch.tensor([4.0, 1.0, 0.25]))
    return norm


def test_one_sample_in_training_uses_the_running_statistics():
    norm = norm_with_statistics().train()
    x = torch.randn(1, 3, requires_grad=True)
    before = {name: value.clone() for name, value in norm.named_buffers()}
    out = norm(x)
    out.sum().backward()
    torch.testing.assert_close(out, norm.eval()(x))
    assert x.grad.isfinite().all()
    assert all(torch.equal(value, before[name]) for name, value in norm.named_buffers())


def test_more_samples_are_normalised_as_ever():
    x = torch.randn(5, 3)
    own, stock = norm_with_statistics().train(), torch.nn.BatchNorm1d(3)
    stock.load_state_dict(own.state_dict())
    torch.testing.assert_close(own(x), stock(x))
    torch.testing.assert_close(own.running_var, stock.running_var)
