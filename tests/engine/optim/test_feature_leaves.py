import pytest
import torch
from torch import nn

from macbdf_mm.engine.optim.feature_leaves import FeatureLeaves
from macbdf_mm.errors import ConfigError


class TwoMaps(nn.Module):
    """An encoder that returns a nested structure, one part of it without a gradient."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x):
        y = self.layer(x)
        return {"maps": (y, 2 * y), "mask": torch.ones(2)}


def test_gradients_gather_at_the_outputs_and_one_pass_goes_through_the_encoder():
    torch.manual_seed(0)
    encoder, x = TwoMaps(), torch.randn(5, 3)
    first, second = torch.randn(2, 4), torch.randn(2, 4)
    leaves = FeatureLeaves({"video": encoder})
    with leaves.cut():
        maps = encoder(x)["maps"]
    leaves.check()
    multimodal = sum((m.sum(0) * w).sum() for m, w in zip(maps, first, strict=True))
    unimodal = sum((m.sum(0) * w).sum() for m, w in zip(maps, second, strict=True))
    two = leaves.gradients["video"]
    with two.collect_unimodal():
        unimodal.backward(retain_graph=True)
    multimodal.backward()
    assert encoder.layer.weight.grad is None
    m = first[:, None].expand(2, 5, 4).reshape(-1).double()
    u = second[:, None].expand(2, 5, 4).reshape(-1).double()
    torch.testing.assert_close(two.gram_numbers(), torch.stack([m @ m, u @ u, m @ u]))
    two.combine(0.3, 0.7)
    leaves.backward()
    found = encoder.layer.weight.grad.clone()

    encoder.zero_grad()
    maps = encoder(x)["maps"]
    mixed = 0.3 * first + 0.7 * second
    sum((m.sum(0) * w).sum() for m, w in zip(maps, mixed, strict=True)).backward()
    torch.testing.assert_close(found, encoder.layer.weight.grad)


def test_what_follows_may_work_in_place():
    encoder = nn.Linear(2, 2)
    leaves = FeatureLeaves({"video": encoder})
    with leaves.cut():
        torch.relu_(encoder(torch.ones(1, 2))).sum().backward()
    leaves.backward()
    assert encoder.weight.grad is not None


def test_hooks_go_with_the_context():
    encoder = nn.Linear(2, 2)
    leaves = FeatureLeaves({"video": encoder})
    with leaves.cut():
        pass
    assert encoder(torch.ones(1, 2)).grad_fn is not None
    assert not encoder._forward_hooks


@pytest.mark.parametrize("call", [False, True])
def test_an_encoder_that_was_not_seen_is_named(call):
    encoder = nn.Linear(2, 2)
    leaves = FeatureLeaves({"video": encoder})
    with leaves.cut(), torch.no_grad():
        if call:
            encoder(torch.ones(1, 2))
    with pytest.raises(ConfigError, match="needs the output of the encoder 'video', which the"):
        leaves.check()
    encoder.requires_grad_(False)
    leaves.check()


def test_an_output_that_no_objective_uses_is_left_out():
    encoder = nn.Linear(2, 2)
    leaves = FeatureLeaves({"video": encoder})
    with leaves.cut():
        encoder(torch.ones(1, 2))
    leaves.backward()
    assert encoder.weight.grad is None
