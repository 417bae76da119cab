import numpy as np
from matplotlib.colors import to_hex

from macbdf_mm.reports.figures.embedding_maps import draw_embedding_maps
from macbdf_mm.reports.figures.theme import LIGHT

CATEGORIES = ("RVRA", "FVFA", "RVRA", "RVFA", "FVRA")
POINTS = np.random.default_rng(0).normal(size=(5, 2))


def test_each_category_has_its_points_in_its_colour():
    axes = draw_embedding_maps({"a": (POINTS, CATEGORIES)}, 1).axes[0]
    drawn = {c.get_label(): c for c in axes.collections}
    assert list(drawn) == ["RVRA", "FVRA", "RVFA", "FVFA"]
    np.testing.assert_allclose(drawn["RVRA"].get_offsets(), POINTS[[0, 2]])
    np.testing.assert_allclose(drawn["FVFA"].get_offsets(), POINTS[[1]])
    colours = [to_hex(drawn[name].get_facecolor()[0]) for name in drawn]
    assert colours == [LIGHT.real, LIGHT.video, LIGHT.audio, LIGHT.fake]


def test_maps_fill_a_grid_with_one_legend_and_no_scales():
    figure = draw_embedding_maps(dict.fromkeys("abc", (POINTS, CATEGORIES)), 2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c", ""]
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    assert not any(len(axes.get_xticks()) for axes in figure.axes[:3])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["RVRA", "FVRA", "RVFA", "FVFA"]


def test_a_category_without_clips_is_no_error():
    figure = draw_embedding_maps({"a": (POINTS[:1], ("RVRA",))}, 1)
    assert figure.axes[0].collections[0].get_offsets().shape == (1, 2)
