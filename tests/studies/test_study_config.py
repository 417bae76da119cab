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
    assert read.train_cfg == schedule.train_cfg
    assert read.param_scheduler == schedule.param_scheduler
    for key in ("model", "optim_wrapper", "randomness"):
        assert read[key] == own[key]


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
    assert named == {str(split.folder) for split in variant.splits}
    assert len(named) == 5


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
