import json
from dataclasses import replace

import pytest

from macbdf_mm.reports.evaluation_report import write_evaluation

EVIL = "<script>|\n"


@pytest.fixture
def write(evaluation_facts, tmp_path):
    """Return a function that writes the reports and returns JSON, Markdown and HTML."""

    def write_and_read(*results, beside=(), **changes):
        paths = write_evaluation(tmp_path, replace(evaluation_facts, **changes), results, beside)
        assert [path.name for path in paths] == [
            "evaluation.json", "evaluation.md", "evaluation.html",
        ]  # fmt: skip
        document, text, page = (path.read_text() for path in paths)
        return json.loads(document), text, page

    return write_and_read


@pytest.fixture(autouse=True)
def without_png(monkeypatch):
    """Making files of the pictures takes longer than all else; test_score_pictures makes them."""
    monkeypatch.setattr("macbdf_mm.reports.page.to_png", lambda figure: b"")


def test_text_and_page_say_what_the_figures_rest_on(write, read_page, test_set):
    real = replace(test_set, name="far test", dataset="far", is_synthetic=False)
    document, text, page = write(test_set, real)
    read = read_page(page)
    for said in (
        "Synthetic data: the clips of tiny test are rendered, not filmed",
        "The detector was trained on rendered clips.",
        "Clips without a score are left out (policy exclude)",
        "7 of 8 clips have a score (87.5%)",
        "by a bootstrap of 8 clusters of clips (by clip), 20 resamples",
        '"always fake", overall',
        "Thresholds: overall 0.500, video 0.450, audio 0.550.",
    ):
        assert said in text, said
        assert said in read.text, said
    assert [(row["test_set"], row["kind"]) for row in document["matrix"]] == [
        ("tiny test", "intra"), ("far test", "cross"),
    ]  # fmt: skip
    assert document["facts"]["missing"] == "exclude"
    assert [section["name"] for section in document["test_sets"]] == ["tiny test", "far test"]
    # Of each test set: reliability, and errors by coverage.
    assert len(read.pictures) == 4
    assert read.pictures[0].startswith("Share of fakes by score. Calibration errors: overall 0.279")
    assert read.table("trained on")[1][2:] == ["0.857 / 0.833"] * 2
    assert "Seed 3, 20 resamples. numpy 2.0." in read.text


def test_a_real_test_set_has_no_banner_and_a_quick_look_has_one(write, read_page, test_set):
    real = replace(test_set, is_synthetic=False)
    _, text, page = write(real, trained_on_synthetic=False)
    assert "Synthetic data" not in text + page
    assert "A quick look" not in text + page
    _, text, page = write(real, limit=8, missing="as-fake")
    assert "A quick look: at most 8 clips of each data set" in text
    assert "A quick look at 8 clips of each data set." in read_page(page).text
    assert "count as fake (score 1) (policy as-fake)" in text


def test_rows_of_other_detectors_stand_above_and_own_ones_are_replaced(write, test_set):
    document, _, _ = write(test_set)
    [own] = document["matrix"]
    other = own | {"detector": "big, last"}
    stale = own | {"auc": 0.1}
    document, text, _ = write(test_set, beside=[stale, other])
    assert document["matrix"] == [other, own]
    assert text.index("| big, last |") < text.index("| small, best |")


def test_names_change_neither_page_nor_table(write, read_page, test_set):
    _, text, page = write(replace(test_set, name=EVIL))
    assert "script" not in read_page(page).tags
    assert "## <script>|\\n" in text
    assert "<script>\\|\\n" in text
