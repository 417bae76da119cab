import copy

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.load_model import build_model
from macbdf_mm.errors import CheckpointMismatchError, ConfigError
from studies.encoders import check_start, start_from, starting_digest
from studies.study_config import CONFIGS


@pytest.fixture(scope="module")
def full():
    return Config.fromfile(CONFIGS / "macbdf_demo.py")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Weights of the model of the encoders' training, as they are drawn."""
    torch.manual_seed(0)
    model = build_model(Config.fromfile(CONFIGS / "ablations/encoders.py"))
    path = tmp_path_factory.mktemp("encoders") / "epoch_1.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    return path


@pytest.mark.parametrize("config", ["macbdf_demo.py", "ablations/plain_fusion.py"])
def test_only_the_encoders_start_from_the_checkpoint(config, checkpoint):
    cfg = Config.fromfile(CONFIGS / config)
    start_from(cfg, checkpoint)
    weights = torch.load(checkpoint)["state_dict"]
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = build_model(copy.deepcopy(cfg))
        model.init_weights()
        check_start(model, cfg.model)
        states.append(model.state_dict())
    names = [name for name in states[0] if "_backbone.encoder." in name]
    assert {name.partition(".")[0] for name in names} == {"video_backbone", "audio_backbone"}
    for name in names:
        assert torch.equal(states[0][name], weights[name]), name
    others = [name for name in states[0] if name not in names]
    assert not all(torch.equal(states[0][name], states[1][name]) for name in others)


class _OnAnotherDevice(torch.Tensor):
    """Refuses to be compared with a tensor of the CPU, as one on a GPU does."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.equal:
            raise RuntimeError("Expected all tensors to be on the same device")
        result = super().__torch_function__(func, types, args, kwargs or {})
        return result.as_subclass(torch.Tensor) if func is torch.Tensor.cpu else result


def test_the_start_of_a_model_on_a_gpu_is_checked(full, checkpoint):
    cfg = copy.deepcopy(full)
    start_from(cfg, checkpoint)
    model = build_model(copy.deepcopy(cfg))
    model.init_weights()
    on_gpu = {name: w.as_subclass(_OnAnotherDevice) for name, w in model.state_dict().items()}
    model.state_dict = lambda: on_gpu
    check_start(model, cfg.model)


def test_an_encoder_that_did_not_load_is_named(full, checkpoint):
    cfg = copy.deepcopy(full)
    start_from(cfg, checkpoint)
    cfg.model.video_backbone.encoder.depth = 1
    model = build_model(copy.deepcopy(cfg))
    model.init_weights()
    with pytest.raises(CheckpointMismatchError, match=r"'video_backbone\.encoder\.' does not"):
        check_start(model, cfg.model)
    # As long as nothing was loaded, the weights differ.
    cfg.model.video_backbone.encoder.depth = 2
    with pytest.raises(CheckpointMismatchError, match="or differs"):
        check_start(build_model(copy.deepcopy(cfg)), cfg.model)


def test_the_digest_is_of_the_encoders_weights_alone(full, checkpoint, tmp_path):
    assert starting_digest(full.model) == "random"

    def digest_of(path):
        cfg = copy.deepcopy(full)
        start_from(cfg, path)
        return starting_digest(cfg.model)

    weights = torch.load(checkpoint)["state_dict"]
    copied = tmp_path / "copy.pth"
    torch.save({"state_dict": weights, "meta": {"time": 1}}, copied)
    assert digest_of(copied) == digest_of(checkpoint)
    for name, counts in (("head.", False), ("video_backbone.encoder.", True)):
        (key, *_) = [key for key in weights if key.startswith(name) and weights[key].dim()]
        torch.save({"state_dict": {**weights, key: weights[key] + 1}}, copied)
        assert (digest_of(copied) != digest_of(checkpoint)) == counts, name


def test_a_model_without_towers_is_refused():
    cfg = Config(dict(model=dict(type="Other")))
    with pytest.raises(ConfigError, match=r"has no `model\.video_backbone\.encoder`.*none"):
        start_from(cfg, "x.pth")
