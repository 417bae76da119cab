from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from benchmarks import training_step as module
from benchmarks.settings import CPU, Settings
from benchmarks.training_step import (
    build_training_model,
    plain_wrapper,
    random_batch,
    training_step,
)
from macbdf_mm.errors import ConfigError


def test_batch_has_all_pairs_of_labels_and_the_encoders_sizes(tiny_settings: Settings) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    batch = random_batch(cfg, 4, seed=0)
    labels = [(int(s.gt_video_label), int(s.gt_audio_label)) for s in batch["data_samples"]]
    assert sorted(labels) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [int(s.gt_label) for s in batch["data_samples"]] == [max(pair) for pair in labels]
    assert batch["inputs"]["video"][0].shape == (3, 16, 32, 32)
    assert batch["inputs"]["waveform"][0].shape == (64 * 160,)
    again = random_batch(cfg, 4, seed=0)
    torch.testing.assert_close(again["inputs"]["video"], batch["inputs"]["video"])


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_step_trains_the_model(tiny_settings: Settings, is_plain: bool) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    model = build_training_model(cfg, 0, CPU)
    before = {name: value.clone() for name, value in model.named_parameters()}
    wrapper = plain_wrapper(cfg) if is_plain else cfg.optim_wrapper
    training_step(model, wrapper, random_batch(cfg, 2, seed=0))()
    changed = [not torch.equal(value, before[name]) for name, value in model.named_parameters()]
    assert sum(changed) > 0.9 * len(changed)


def test_plain_wrapper_keeps_the_optimiser(tiny_settings: Settings) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    wrapper = plain_wrapper(cfg)
    assert wrapper["type"] == "OptimWrapper"
    assert wrapper["optimizer"] == cfg.optim_wrapper.optimizer
    assert "unimodal_losses" not in wrapper


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "build_model", lambda cfg: torch.nn.Linear(1, 1))
    with pytest.raises(ConfigError, match=r"'other.py' has a model of type Linear; .*--config"):
        build_training_model(SimpleNamespace(filename="other.py"), 0, CPU)
