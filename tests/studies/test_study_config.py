from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from macbdf_mm.errors import ConfigError, MissingDataError
from studies.study import Variant
from studies.study_config import CONFIGS, read_variant

FULL = Variant("full", "full", "macbdf_demo.py")


@pytest.fixture
def settings(make_settings, tmp_path):
    return make_settings(tmp_path)


def test_the_schedule_replaces_the_config_s_own_and_the_rest_stays(settings):
    read = read_variant(FULL, settings).cfg
    own = Config.fromfile(CONFIGS / FULL.config)
    schedule = Config.fromfile(settings.schedule)
    assert own.train_cfg.max_epochs > schedule.train_cfg.max_epochs == 2
    assert read.train_cfg == schedule.train_cfg | dict(val_begin=3)
    assert read.param_scheduler == schedule.param_scheduler
    for key in ("model", "optim_wrapper", "randomness"):
        assert read[key] == own[key]


def test_transforms_that_the_schedule_leaves_out_are_left_out_of_training_alone(settings):
    own = Config.fromfile(CONFIGS / FULL.config).train_dataloader.dataset.pipeline
    cfg = read_variant(FULL, settings).cfg
    types = [step.type for step in cfg.train_dataloader.dataset.pipeline]
    left_out = ["AudioGain", "AudioNoise"]
    # The first two are those of decoding.
    assert types[1:] == [step.type for step in own[2:] if step.type not in left_out]
    assert [step.type for step in own if step.type in left_out] == left_out
    assert "AudioNoise" in [step.type for step in cfg.further_tests.noisy_sound.dataset.pipeline]


def test_loaders_read_decoded_inputs_in_this_process(settings, data_root):
    variant = read_variant(FULL, settings)
    cfg, final = variant.cfg, variant.cfg.final_evaluation
    for loader in (cfg.train_dataloader, cfg.val_dataloader, final.val_dataloader):
        assert loader.num_workers == 0
        assert loader.dataset.pipeline[0].type == "ReadCachedInputs"
        assert loader.dataset.data_root == str(data_root)
    for key in ("val_dataloader", "test_dataloader"):
        assert cfg[key].dataset.windows_per_clip == 1
        assert final[key].dataset.windows_per_clip == 2
        assert cfg[key].dataset.split == final[key].dataset.split
    named = {cfg[key].dataset.pipeline[0].cache_dir for key in ("train_dataloader",)}
    named |= {c[k].dataset.pipeline[0].cache_dir for c in (cfg, final) for k in final}
    assert len(named) == 5
    read = [str(split.folder) for split in variant.splits]
    # Nothing is validated after an epoch, unless the variant is followed.
    assert {*named} - {*read} == {cfg.val_dataloader.dataset.pipeline[0].cache_dir}
    followed = read_variant(replace(FULL, is_followed=True), settings)
    assert {str(split.folder) for split in followed.splits} == named
    assert followed.cfg.train_cfg.val_begin == 1


def test_further_tests_change_one_window_of_each_clip(settings):
    cfg = read_variant(FULL, settings).cfg
    assert list(cfg.further_tests) == ["noisy_sound", "noisy_picture"]
    loader = cfg.further_tests.noisy_sound
    assert loader.dataset.split == "test"
    assert loader.dataset.windows_per_clip == 1
    types = [step.type for step in loader.dataset.pipeline]
    assert types == ["ReadCachedInputs", "AudioNoise", "PackForgeryInputs"]
    assert [step.type for step in cfg.test_dataloader.dataset.pipeline] == [types[0], types[2]]


def test_a_variant_can_keep_its_own_schedule_and_takes_no_options_then(make_settings, tmp_path):
    settings = make_settings(tmp_path, options={"train_dataloader.batch_size": 3})
    own = Config.fromfile(CONFIGS / FULL.config)
    cfg = read_variant(replace(FULL, keeps_schedule=True), settings).cfg
    assert cfg.train_cfg.max_epochs == own.train_cfg.max_epochs
    assert cfg.param_scheduler == own.param_scheduler
    assert cfg.train_dataloader.batch_size == own.train_dataloader.batch_size


def test_encoders_start_from_the_checkpoint_unless_the_variant_starts_fresh(settings):
    settings = replace(settings, encoders=Path("x.pth"))
    encoder = read_variant(FULL, settings).cfg.model.video_backbone.encoder
    assert encoder.init_cfg.checkpoint == "x.pth"
    fresh = read_variant(replace(FULL, starts_fresh=True), settings).cfg
    assert "init_cfg" not in fresh.model.video_backbone.encoder


def test_a_seed_goes_to_weights_and_augmentation(settings):
    variant = read_variant(FULL, settings)
    cfg = variant.with_seed(7)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 7
    assert variant.cfg.randomness.seed == 0


def test_options_of_the_variant_and_of_the_study_are_merged(make_settings, tmp_path):
    options = {"model.head.drop_rate": 0.2, "train_dataloader.batch_size": 2}
    variant = Variant(
        "v", "v", FULL.config, {"model.head.drop_rate": 0.1, "optim_wrapper.optimizer.lr": 1.0}
    )
    cfg = read_variant(variant, make_settings(tmp_path, options=options)).cfg
    assert cfg.model.head.drop_rate == 0.2
    assert cfg.optim_wrapper.optimizer.lr == 1.0
    assert cfg.train_dataloader.batch_size == 2


def test_an_option_of_the_schedule_is_refused(make_settings, tmp_path):
    settings = make_settings(tmp_path, options={"train_cfg.max_epochs": 1})
    with pytest.raises(
        ConfigError, match=r"'train_cfg\.max_epochs': a study takes it from .*short"
    ):
        read_variant(FULL, settings)


def test_a_misspelt_option_and_a_missing_config_are_named(settings):
    misspelt = Variant("v", "v", FULL.config, {"optim_wrappr.method": "sum"})
    with pytest.raises(ConfigError, match="did you mean 'optim_wrapper'"):
        read_variant(misspelt, settings)
    with pytest.raises(MissingDataError, match=r"Config '.*nowhere\.py' does not exist"):
        read_variant(Variant("v", "v", "nowhere.py"), settings)


def test_a_config_without_a_test_is_named(make_settings, tmp_path):
    settings = make_settings(tmp_path, options={})
    path = tmp_path / "no_test.py"
    path.write_text(f"_base_ = [{str(CONFIGS / FULL.config)!r}]\ntest_dataloader = None\n")
    with pytest.raises(ConfigError, match=r"no_test\.py' has no `test_dataloader`, so it cannot"):
        read_variant(Variant("v", "v", str(path)), settings)


def without(settings, path, *keys):
    schedule = Config.fromfile(settings.schedule)
    for key in keys:
        schedule.pop(key)
    schedule.dump(str(path))
    return replace(settings, schedule=path)


def test_a_schedule_without_what_a_run_needs_is_named(settings, tmp_path):
    short = without(settings, tmp_path / "short.py", "spans_per_clip", "param_scheduler")
    with pytest.raises(
        ConfigError, match=r"Schedule '.*short\.py' lacks param_scheduler, spans_per_clip: "
    ):
        read_variant(FULL, short)


def test_a_schedule_needs_no_further_tests(settings, tmp_path):
    plain = without(settings, tmp_path / "plain.py", "further_tests")
    assert read_variant(FULL, plain).cfg.further_tests == {}
