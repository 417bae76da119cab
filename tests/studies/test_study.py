import pytest

from macbdf_mm.engine.optim.weighing import METHODS
from studies.ablations import ABLATIONS, DEPTH_VARIANTS, WITHOUT_CONTRAST
from studies.om_pareto import OM_PARETO, PEERS, PLAIN_SUM
from studies.study import FULL, Study, Variant
from studies.study_config import read_variant


def test_titles_stand_in_order():
    variants = (Variant("b", "B", "c.py"), Variant("a", "A", "c.py"))
    assert list(Study("s", "S", variants, "a").titles().items()) == [("b", "B"), ("a", "A")]


@pytest.mark.parametrize("study", [ABLATIONS, OM_PARETO])
def test_names_differ_and_the_reference_is_among_them(study):
    assert len(study.titles()) == len(study.variants)
    assert study.reference in study.titles()


ALL = {variant.name: variant for study in (ABLATIONS, OM_PARETO) for variant in study.variants}


@pytest.fixture(scope="module")
def configs(make_settings, tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp("inputs"))
    return {name: read_variant(variant, settings).cfg for name, variant in ALL.items()}


def test_every_variant_differs_from_every_other(configs):
    texts = {
        name: str([cfg.model, cfg.optim_wrapper, cfg.default_hooks])
        for name, cfg in configs.items()
    }
    assert len(set(texts.values())) == len(ALL) == 13


def test_the_studies_share_the_full_model():
    own, shared = (
        next(each for each in study.variants if each.name == FULL)
        for study in (ABLATIONS, OM_PARETO)
    )
    assert (own.config, own.options) == (shared.config, shared.options)


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
