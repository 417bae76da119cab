from dataclasses import replace

import pytest
from mmengine.config import Config

from macbdf_mm.engine.optim.weighing import METHODS
from macbdf_mm.errors import ConfigError
from studies.ablations import ABLATIONS, DEPTH_VARIANTS, PLAIN_SUM, WITHOUT_CONTRAST
from studies.om_pareto import OM_PARETO, PEERS
from studies.study import DEMO_CONFIG, FULL, Group, Study, Variant
from studies.study_config import CONFIGS, read_variant


def test_titles_stand_in_order():
    variants = (Variant("b", "B", "c.py"), Variant("a", "A", "c.py"))
    assert list(Study("s", "S", variants, "a").titles().items()) == [("b", "B"), ("a", "A")]


@pytest.mark.parametrize("study", [ABLATIONS, OM_PARETO])
def test_names_differ_and_the_reference_is_among_them(study):
    assert len(study.titles()) == len(study.variants)
    assert study.reference in study.titles()


def test_variants_are_chosen_by_name_and_by_group():
    variants = tuple(Variant(name, name, "c.py") for name in "abcd")
    groups = (
        Group("first", "First", ("a", "b")),
        Group("second", "Second", ("a", "c"), is_optional=True),
    )
    study = Study("s", "S", variants, "a", groups)
    assert [group.variants for group in study.tables()] == [("a", "b"), ("a", "c"), ("a", "d")]
    assert study.chosen(None) == ["a", "b", "d"]
    assert study.chosen(["second", "b"]) == ["a", "c", "b"]
    assert study.chosen(["rest"]) == ["a", "d"]


def test_a_variant_that_does_not_exist_is_refused_before_anything_is_trained():
    with pytest.raises(ConfigError, match=r"no variant 'ful'; it has .* the groups fusion"):
        ABLATIONS.chosen(["full", "ful"])


def test_groups_name_variants_that_exist():
    for study in (ABLATIONS, OM_PARETO):
        for group in study.tables():
            assert set(group.variants) <= set(study.titles()), group.name
    assert {*ABLATIONS.titles()} == {n for group in ABLATIONS.groups for n in group.variants}


ALL = {variant.name: variant for study in (ABLATIONS, OM_PARETO) for variant in study.variants}


@pytest.fixture(scope="module")
def configs(make_settings, tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp("inputs"))
    return {name: read_variant(variant, settings).cfg for name, variant in ALL.items()}


def test_every_variant_differs_from_every_other(configs):
    texts = {
        name: str([cfg.model, cfg.optim_wrapper, cfg.train_dataloader.dataset.pipeline])
        for name, cfg in configs.items()
    }
    assert len(set(texts.values())) == len(ALL)


def test_the_studies_share_the_full_model():
    for name in (FULL, PLAIN_SUM):
        own, shared = (
            next(each for each in study.variants if each.name == name)
            for study in (ABLATIONS, OM_PARETO)
        )
        assert replace(own, title="") == replace(shared, title="")


def test_the_variants_that_figures_need_are_there(configs):
    assert {WITHOUT_CONTRAST, *DEPTH_VARIANTS} <= set(ABLATIONS.titles())
    depths = [configs[name].model.video_backbone.depth for name in DEPTH_VARIANTS]
    assert depths == sorted(set(depths))
    assert depths[0] == 0


def test_peers_name_the_method_of_the_wrapper(configs):
    assert configs[PLAIN_SUM].optim_wrapper.method == "sum"
    assert configs[FULL].optim_wrapper.get("method", "om_pareto") == "om_pareto"
    assert {configs[name].optim_wrapper.method for name in PEERS} == set(METHODS) - {
        "om_pareto",
        "sum",
    }


def test_larger_maps_are_of_frames_of_128_pixels(configs):
    full, large = configs[FULL], configs["large_full"]
    assert large.model == full.model
    for key in ("train_dataloader", "val_dataloader", "test_dataloader"):
        own = Config.fromfile(CONFIGS / DEMO_CONFIG)[key].dataset.pipeline
        assert own[3].type == "mmaction.Resize"
    steps = {step.type: step for step in large.train_dataloader.dataset.pipeline}
    assert tuple(steps["mmaction.Resize"].scale) == (128, 128)
