import pytest
from torch import nn

from macbdf_mm.engine.optim.encoder_modules import find_encoders, unwrap_model
from macbdf_mm.errors import ConfigError


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
