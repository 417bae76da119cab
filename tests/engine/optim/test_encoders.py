import pytest
import torch
from torch import nn

from macbdf_mm.engine.optim.encoders import FeatureLeaves, find_encoders, unwrap_model
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


@pytest.fixture
def model():
    tower = lambda: nn.ModuleDict({"encoder": nn.Linear(2, 2), "pool": nn.Identity()})  # noqa: E731
    return nn.ModuleDict({"video_backbone": tower(), "audio_backbone": tower()})


def test_encoders_are_found_by_path(model):
    paths = {"v": "video_backbone.encoder", "a": "audio_backbone.encoder"}
    found = find_encoders(model, paths)
    assert found == {name: model.get_submodule(path) for name, path in paths.items()}
    assert list(found) == ["v", "a"]


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ({}, "`encoders` names no module"),
        (
            {"video": "video_backbone.encodr"},
            r"ModuleDict has no module 'video_backbone\.encodr' for 'video'; "
            r"did you mean 'video_backbone\.encoder'\?",
        ),
        ({"video": "xyz"}, "no module 'xyz' .*; its children are video_backbone, audio_backbone"),
        ({"video": ""}, "no module '' for 'video'"),
        (
            {"video": "video_backbone.pool"},
            r"module 'video_backbone\.pool' for 'video' has no parameters",
        ),
        (
            {"tower": "video_backbone", "encoder": "video_backbone.encoder"},
            r"'tower' \(video_backbone\) and 'encoder' \(video_backbone\.encoder\) share the "
            "parameter 'weight'; name them as one encoder",
        ),
    ],
)
def test_wrong_names_are_answered_with_one_sentence(model, encoders, message):
    with pytest.raises(ConfigError, match=message):
        find_encoders(model, encoders)


def test_a_tied_parameter_counts_as_shared(model):
    model["audio_backbone"]["encoder"].weight = model["video_backbone"]["encoder"].weight
    with pytest.raises(ConfigError, match=r"'a' .* and 'v' .* share the parameter 'weight'"):
        find_encoders(model, {"a": "audio_backbone.encoder", "v": "video_backbone.encoder"})


def test_a_bare_model_has_no_wrapper(model):
    assert unwrap_model(model) == (model, None)


def test_other_wrappers_are_refused(model):
    with pytest.raises(ConfigError, match="DataParallel is not supported"):
        unwrap_model(nn.DataParallel(model))
