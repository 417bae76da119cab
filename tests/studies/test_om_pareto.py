import numpy as np
import pytest

from macbdf_mm.reports.figures.training_curves import draw_seed_curves
from studies.ablations import PLAIN_SUM
from studies.om_pareto import OM_PARETO, fill_om_pareto_page
from studies.study import FULL
from studies.study_page import StudyPage

FACTS = {
    "command": "python tools/t.py",
    "dataset": "noise",
    "is_synthetic": True,
    "num_epochs": 2,
    "spans_per_clip": 3,
    "num_clips": {"train": 8},
    "encoders": "random",
    "left_out": [],
    "further_tests": [],
}


def record(epoch, auc, **om_pareto):
    figures = {
        f"{track}/{m}": auc for track in ("overall", "video", "audio") for m in ("auc", "acc")
    }
    logged = {name.replace("__", "/"): value for name, value in om_pareto.items()}
    return {"epoch": epoch, "losses": {"loss": 1 / epoch}, "om_pareto": logged, "test": figures}


@pytest.fixture
def page(tmp_path, make_result, monkeypatch):
    """A page of two seeds with OM-Pareto and one without; ``drawn`` has the panels."""
    with_it = [
        [record(1, 0.6, video__cos=0.2, video__conflict_share=0.5, audio__conflict_share=0.1),
         record(2, 0.8, video__cos=0.4, video__conflict_share=0.3, audio__conflict_share=0.1)],
        [record(1, 0.5, video__cos=0.0, video__conflict_share=0.7, audio__conflict_share=0.3),
         record(2, 0.9, video__cos=0.1, video__conflict_share=0.5, audio__conflict_share=0.3)],
    ]  # fmt: skip
    results = {
        FULL: {seed: make_result(epochs) for seed, epochs in enumerate(with_it)},
        PLAIN_SUM: {0: make_result([record(1, 0.4), record(2, 0.7)])},
    }
    page = StudyPage(OM_PARETO, results, FACTS, tmp_path / "results", tmp_path)
    drawn = {}
    monkeypatch.setattr(
        "studies.om_pareto.draw_seed_curves",
        lambda panels, *rest: drawn.update(panels) or draw_seed_curves(panels, *rest),
    )
    fill_om_pareto_page(page)
    page.drawn = drawn
    return page


def test_curves_by_epoch_with_and_without(page):
    assert list(page.drawn)[:3] == ["Training loss", "Video AUC", "Audio AUC"]
    video = page.drawn["Video AUC"]
    assert [curve.label for curve in video] == ["OM-Pareto", "plain sum"]
    np.testing.assert_array_equal(video[0].positions, [1, 2])
    np.testing.assert_array_equal(video[0].values, [[0.6, 0.8], [0.5, 0.9]])
    np.testing.assert_array_equal(video[1].values, [[0.4, 0.7]])
    np.testing.assert_array_equal(page.drawn["Training loss"][0].values, [[1, 0.5], [1, 0.5]])


def test_differences_by_epoch_are_paired_by_seed(page):
    written = page.write()[0].read_text()
    # Seed 1 has no partner: 0.6 - 0.4 and 0.8 - 0.7 of seed 0.
    assert "OM-Pareto minus plain sum in each epoch, paired by seed (1 pairs" in written
    assert "| Video AUC | +0.200 | +0.100 |" in written
    assert "| Training loss | +0.000 | +0.000 |" in written


def test_the_share_of_conflicts_is_summarised(page):
    written = page.write()[0].read_text()
    # By hand: the mean of 0.5, 0.3, 0.7, 0.5 is 0.5, that of 0.1, 0.1, 0.3, 0.3 is 0.2.
    assert "35.0% over all epochs and encoders" in written
    assert "| `video/conflict_share` | 0.6 ± 0.14 | 0.4 ± 0.14 |" in written
    assert "| `video/cos` | 0.1 ± 0.14 | 0.25 ± 0.21 |" in written


def test_what_only_a_later_epoch_has_logged_has_a_row(tmp_path, make_result):
    epochs = [record(1, 0.5, video__conflict_share=0.5), record(2, 0.5, audio__conflict_share=0.25)]
    results = {FULL: {seed: make_result(epochs) for seed in (0, 1)}}
    page = StudyPage(OM_PARETO, results, FACTS, tmp_path / "results", tmp_path)
    fill_om_pareto_page(page)
    written = page.write()[0].read_text()
    assert "| `audio/conflict_share` | nan ± nan | 0.25 ± 0 |" in written
    assert "| `video/conflict_share` | 0.5 ± 0 | nan ± nan |" in written


def test_conflict_of_every_row_is_the_mean_over_its_steps(page):
    written = page.write()[0].read_text()
    head, _, row = written.split("in the dead zone.\n\n")[1].splitlines()[:3]
    assert head == "| variant | `audio/conflict_share` | `video/conflict_share` | `video/cos` |"
    # By hand, of the values that the fixture gives: (0.2 + 0.4 + 0.0 + 0.1) / 4.
    assert row == "| OM-Pareto | 0.2 | 0.5 | 0.175 |"
    assert "| plain sum | 0" not in written.split("## Conflict in each row")[1]


def test_runs_that_logged_nothing_have_no_table_of_steps(tmp_path, make_result):
    results = {FULL: {0: make_result([record(1, 0.5)])}}
    page = StudyPage(OM_PARETO, results, FACTS, tmp_path / "results", tmp_path)
    fill_om_pareto_page(page)
    written = page.write()[0].read_text()
    assert "## The steps" not in written
    assert "## Conflict" not in written
