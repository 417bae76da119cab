import io
import json

import pytest
from matplotlib import image

from macbdf_mm.errors import ConfigError
from macbdf_mm.reports.figures.theme import LIGHT, new_figure
from studies.study_facts import StudyFacts
from studies.study_page import StudyPage
from studies.variant import Study, Variant

VARIANTS = (Variant("full", "full", "a.py"), Variant("bare", "bare", "b.py", {"x": 1}))
STUDY = Study("trial", "A trial", VARIANTS, "full")
FACTS = StudyFacts("python tools/t.py", "noise", True, 2, 3, {"train": 8})


@pytest.fixture
def page(tmp_path, make_result):
    results = {
        "full": {0: make_result(overall__auc=0.8), 1: make_result(overall__auc=float("nan"))},
        "bare": {0: make_result(overall__auc=0.7)},
    }
    return StudyPage(STUDY, results, FACTS, tmp_path / "docs" / "results")


def test_tables_pictures_and_every_run_are_written(page, tmp_path):
    page.add_tables()
    page.add_figure("shape", new_figure(LIGHT, 1, 1), "A shape", "What is seen.")
    page.further["more"] = [1.0]
    text, runs, picture = page.write()
    assert picture == tmp_path / "docs/images/trial_shape.png"
    assert image.imread(io.BytesIO(picture.read_bytes())).shape[:2] == (120, 120)
    written = text.read_text()
    assert written.startswith("# A trial\n")
    assert "**Synthetic data**" in written
    assert "| bare | 1 | 0.700 |" in written
    assert "| bare | 1 | -0.100 |" in written
    assert "![A shape](../images/trial_shape.png)\n\nWhat is seen." in written
    content = json.loads(runs.read_text())
    assert content["variants"]["bare"]["options"] == {"x": 1}
    assert content["variants"]["bare"]["runs"]["0"]["final"] == {"overall/auc": 0.7}
    assert content["variants"]["full"]["runs"]["1"]["final"] == {"overall/auc": None}
    assert content["command"] == "python tools/t.py"
    assert content["more"] == [1.0]


def test_writing_again_keeps_the_prose(page):
    page.add_tables()
    text = page.write()[0]
    text.write_text(text.read_text() + "\nWhat we make of it.\n")
    page.write()
    assert text.read_text().endswith("\nWhat we make of it.\n")
    assert text.read_text().count("## AUC") == 1


def test_nothing_is_written_beside_a_page_without_markers(page):
    page.folder.mkdir(parents=True)
    (page.folder / "trial.md").write_text("# Somebody else's\n")
    with pytest.raises(ConfigError, match="has no lines"):
        page.write()
    assert [path.name for path in page.folder.iterdir()] == ["trial.md"]


def test_without_the_reference_there_are_no_differences(tmp_path, make_result):
    page = StudyPage(STUDY, {"bare": {0: make_result(overall__auc=0.7)}}, FACTS, tmp_path)
    page.add_tables()
    assert "paired by seed" not in page.write()[0].read_text()
