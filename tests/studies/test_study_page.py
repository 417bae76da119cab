import io
import json

import pytest
from matplotlib import image

from macbdf_mm.errors import ConfigError
from macbdf_mm.reports.figures.theme import LIGHT, new_figure
from studies.study import Study, Variant
from studies.study_config import read_variant
from studies.study_page import BEGIN, END, StudyPage, describe, read_facts, write_section


@pytest.fixture
def facts(make_settings, tmp_path):
    settings = make_settings(tmp_path)
    cfg = read_variant(Variant("full", "full", "macbdf_demo.py"), settings).cfg
    return read_facts(settings, cfg, "python tools/run_ablations.py --jobs 2")


def test_facts_are_read_from_data_and_schedule(facts):
    assert facts == FACTS | {
        "command": "python tools/run_ablations.py --jobs 2",
        "spans_per_clip": 2,
        "num_clips": {"train": 8, "val": 6, "test": 8},
    }


def test_all_that_must_be_said_is_said(facts, make_result):
    second = {**make_result(), "seconds": 120.0, "peak_memory_mib": 200.0}
    text = describe(facts, {"full": {0: make_result(), 2: second}})
    assert text.startswith("**Synthetic data**")
    for words in (
        "`python tools/run_ablations.py --jobs 2`",
        "`noise`, clips: 8 train, 6 val, 8 test",
        "2 epochs on inputs decoded once, 2 spans a training clip",
        "Seeds: 0, 2.",
        "a processor, 2 cores, no GPU used; one core a run",
        "90 s a run (60 to 120), 3 min of all 2",
        "memory at most 200 MiB",
        "Python 3.11.0, torch 2.11.0",
    ):
        assert words in text
    assert "states of the code" not in text


def test_results_of_other_code_are_said(facts, make_result):
    other = {**make_result(), "fingerprint": {"config": "c", "data": "d", "code": "e1"}}
    text = describe(facts, {"full": {0: make_result()}, "bare": {0: other}})
    assert "The runs are of 2 states of the code: e0, e1." in text


def test_a_new_page_has_a_title_and_the_section(tmp_path):
    page = tmp_path / "new" / "page.md"
    write_section(page, "A title", "Some text.\n")
    assert page.read_text() == f"# A title\n\n{BEGIN}\n\nSome text.\n\n{END}\n"


def test_the_prose_around_the_section_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nBefore.\n{BEGIN}\nold\n{END}\nAfter.\n")
    for text in ("first", "second"):
        write_section(page, "Another title", text)
        assert page.read_text() == f"# Mine\n\nBefore.\n{BEGIN}\n\n{text}\n\n{END}\nAfter.\n"


@pytest.mark.parametrize("text", ["# Mine\n", f"{BEGIN}\nno end\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_markers_is_refused_and_kept(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.md has no lines '<!-- written .*: begin -->'"):
        write_section(page, "A title", "new")
    assert page.read_text() == text


VARIANTS = (Variant("full", "full", "a.py"), Variant("bare", "bare", "b.py", {"x": 1}))
STUDY = Study("trial", "A trial", VARIANTS, "full")
FACTS = {
    "command": "python tools/t.py",
    "dataset": "noise",
    "is_synthetic": True,
    "num_epochs": 2,
    "spans_per_clip": 3,
    "num_clips": {"train": 8},
}


@pytest.fixture
def page(tmp_path, make_result):
    results = {
        "full": {0: make_result(overall__auc=0.8), 1: make_result(overall__auc=float("nan"))},
        "bare": {0: make_result(overall__auc=0.7)},
    }
    return StudyPage(STUDY, results, FACTS, tmp_path / "docs" / "results", tmp_path)


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
    page = StudyPage(STUDY, {"bare": {0: make_result(overall__auc=0.7)}}, FACTS, tmp_path, tmp_path)
    page.add_tables()
    assert "paired by seed" not in page.write()[0].read_text()
