import pytest
from mmengine.config import Config

from benchmarks import recipe_cost as module
from benchmarks.recipe_cost import (
    DATA_SETS,
    Parts,
    RecipeCost,
    forward_operations,
    loading_milliseconds,
    recipe_cost,
)
from benchmarks.settings import Settings


def test_a_further_block_costs_its_products_and_its_attention(tiny_settings: Settings) -> None:
    """Eight C x C products a token (mlp_ratio 2), and every pair of tokens twice."""
    cfg = Config.fromfile(tiny_settings.config)
    encoder = cfg.model.video_backbone.encoder
    before = forward_operations(cfg)
    encoder.depth += 1
    steps = encoder.num_frames // encoder.tubelet_size
    tokens = steps * (encoder.img_size // encoder.patch_size) ** 2
    width = encoder.embed_dims
    assert encoder.mlp_ratio == 2.0
    expected = 2 * tokens * 8 * width**2 + 2 * 2 * tokens**2 * width
    assert forward_operations(cfg) - before == expected


def test_hours_are_what_the_config_draws_and_validates() -> None:
    cfg = Config.fromfile(module.CONFIGS / "macbdf_av_deepfake1m.py")
    cost = recipe_cost(cfg, Parts(num_train=1_000_000, num_val=100, seconds=6.4), operations=2e9)
    epochs = cfg.train_cfg.max_epochs
    assert cost.num_drawn == epochs * cfg.train_dataloader.sampler.num_samples
    assert cost.num_windows == epochs // cfg.train_cfg.val_interval * 100 * 19
    assert cost.operations == 2e9 * (5 * cost.num_drawn + cost.num_windows)
    cfg = Config.fromfile(module.CONFIGS / "macbdf_dfdc.py")
    assert recipe_cost(cfg, Parts(7, 1, 1.0), 1.0).num_drawn == cfg.train_cfg.max_epochs * 7


def test_hours() -> None:
    cost = RecipeCost(num_drawn=3_000, num_windows=600, operations=989e12 * 3600)
    assert cost.gpu_hours(0.5) == pytest.approx(2.0)
    assert cost.loading_hours(milliseconds=16_000, num_cores=16) == pytest.approx(1.0)


def test_each_main_config_for_real_data_has_a_row() -> None:
    for name in DATA_SETS:
        assert (module.CONFIGS / f"macbdf_{name}.py").is_file()


def test_loading_is_measured_through_the_training_pipeline(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.workers._NUM_FILES", 1)
    monkeypatch.setattr("benchmarks.workers._SOURCE_SECONDS", 1.3)
    monkeypatch.setattr("benchmarks.workers._SOURCE_SIZE", (96, 128))
    cfg = Config.fromfile(tiny_settings.config)
    assert 0 < loading_milliseconds(cfg, num_items=1, num_rounds=1) < 5_000


def test_the_tables_are_written(monkeypatch: pytest.MonkeyPatch, tiny_settings: Settings) -> None:
    monkeypatch.setattr(module, "forward_operations", lambda cfg: 1e11)
    monkeypatch.setattr(
        module, "build_training_model", lambda *_: pytest.importorskip("torch").nn.Linear(1, 1)
    )
    text = module.describe(milliseconds=10.0)
    assert "100 GFLOP a clip forward, 500 in a step; 10.0 ms" in text
    assert all(f"`macbdf_{name}.py`" in text for name in DATA_SETS)
