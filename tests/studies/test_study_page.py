import io
import json

import pytest
from matplotlib import image

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation import score_file
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.reports.figures.theme import LIGHT, new_figure
from studies.runs import run_folder
from studies.study import Group, Study, Variant
from studies.study_config import read_variant
from studies.study_page import (
    StudyPage,
    describe,
    markers,
    read_facts,
    verdict,
    write_sections,
)


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
        "left_out": ["AudioGain", "AudioNoise"],
        "further_tests": ["noisy_sound", "noisy_picture"],
    }


def test_all_that_must_be_said_is_said(facts, make_result):
    second = {**make_result(), "seconds": 120.0, "peak_memory_mib": 200.0}
    text = describe(facts, {"full": {0: make_result(), 2: second}})
    assert text.startswith("**Synthetic data**")
    for words in (
        "`python tools/run_ablations.py --jobs 2`",
        "`noise`, clips: 8 train, 6 val, 8 test",
        "2 epochs on inputs decoded once, 2 spans a training clip",
        "Left out of training: AudioGain, AudioNoise.",
        "Seeds: 0, 2.",
        "a processor, 2 cores, no GPU used; one core a run",
        "90 s a run (60 to 120), 3 min of all 2",
        "memory at most 200 MiB",
        "Python 3.11.0, torch 2.11.0",
    ):
        assert words in text
    assert "states of the code" not in text


def test_results_of_other_code_are_said(facts, make_result):
    other = {**make_result(), "is_of_other_code": True, "scoring": "other"}
    text = describe(facts, {"full": {0: make_result()}, "bare": {0: other}})
    assert "1 of 2 runs are of an earlier state of the code." in text
    assert "were computed by 2 states of the code" in text


def test_where_the_runs_start_is_said(facts, make_result):
    results = {"full": {0: make_result()}}
    assert "Start: random weights throughout." in describe(facts, results)
    trained = {"num_epochs": 12, "seconds": 150.4, "video_auc": 0.91, "audio_auc": 0.88}
    facts |= {"encoders": "abcd", "encoder_training": trained}
    text = describe(facts, results)
    assert "one checkpoint (weights abcd)" in text
    assert "for 12 epochs" in text
    assert "video AUC is 0.910, audio AUC 0.880" in text


BEGIN, END = markers("results")


def test_a_new_page_has_a_title_and_its_sections(tmp_path):
    page = tmp_path / "new" / "page.md"
    write_sections(page, "A title", {"verdict": "Ahead.", "results": "Some text.\n"})
    assert page.read_text() == (
        "# A title\n\n<!-- verdict: begin -->\n\nAhead.\n\n<!-- verdict: end -->\n\n"
        f"{BEGIN}\n\nSome text.\n\n{END}\n"
    )


def test_the_prose_around_the_section_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nBefore.\n{BEGIN}\nold\n{END}\nAfter.\n")
    for text in ("first", "second"):
        write_sections(page, "Another title", {"results": text})
        assert page.read_text() == f"# Mine\n\nBefore.\n{BEGIN}\n\n{text}\n\n{END}\nAfter.\n"


@pytest.mark.parametrize("text", ["# Mine\n", f"{BEGIN}\nno end\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_markers_is_refused_and_kept(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.md has no lines '<!-- results: begin -->'"):
        write_sections(page, "A title", {"results": "new"})
    assert page.read_text() == text


VARIANTS = (Variant("full", "full", "a.py"), Variant("bare", "bare", "b.py", {"x": 1}))
STUDY = Study("trial", "A trial", VARIANTS, "full", baseline="bare")


def results_of(make_result, full, bare):
    return {
        name: {seed: make_result(overall__auc=value) for seed, value in enumerate(values)}
        for name, values in {"full": full, "bare": bare}.items()
    }


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (0.01, "**The whole model is ahead of bare at equal epochs**: overall AUC +0.0100, 95 %"),
        (-0.01, "**The whole model is behind bare at equal epochs**: overall AUC -0.0100, 95 %"),
        (0.0, "**The whole model is neither ahead of nor behind bare at equal epochs**"),
    ],
)
def test_the_verdict_follows_from_the_interval_over_seeds(make_result, gain, words):
    # Deviations of 0.005 about the gain: the interval is 0.0038 wide to either side.
    noise = [0.005, -0.005] * 5
    results = results_of(make_result, [0.8 + gain + each for each in noise], [0.8] * 10)
    said = verdict(STUDY, results, {})
    assert said.startswith(words)
    low, high = gain - 0.00377, gain + 0.00377
    assert f"[{low:+.4f}, {high:+.4f}], paired over 10 seeds" in said


def test_no_verdict_is_given_on_few_seeds_or_collapsed_runs(make_result):
    results = results_of(make_result, [0.9] * 9, [0.8] * 10)
    assert verdict(STUDY, results, {}) == (
        "**Whether the whole model is ahead of bare is not known**: 9 seeds were compared, and 10 "
        "are wanted."
    )
    said = verdict(STUDY, results, {"full": "contrast collapsed in 1 of 9 runs"})
    assert said == (
        "**The whole model cannot be compared with bare**: in full, contrast collapsed in 1 of 9 "
        "runs."
    )


def test_the_verdict_is_the_first_line_of_a_page(page):
    page.add_tables()
    lines = page.write()[0].read_text().splitlines()
    first = next(line for line in lines[1:] if line and not line.startswith("<!--"))
    assert first.startswith("**Whether the whole model is ahead of bare is not known**")
    assert json.loads(page.write()[1].read_text())["verdict"] == first


FACTS = {
    "command": "python tools/t.py",
    "dataset": "noise",
    "is_synthetic": True,
    "num_epochs": 2,
    "spans_per_clip": 3,
    "num_clips": {"train": 8},
    "encoders": "random",
    "left_out": [],
    "further_tests": ["noisy_sound"],
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
    assert "| bare | 1 | -0.100 | - | -, - |" in written
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


def write_scores(folder, file, scores):
    """Write the scores of four mismatched and real clips as a test does."""
    labels = [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0)]
    kinds = ["RVRA", "FVRA", "RVFA", "RVRA"]
    windows = [
        WindowScores(f"{i}.mp4", (0.0, 1.0), (score, score, score), labels[i], kinds[i])
        for i, score in enumerate(scores)
    ]
    thresholds = dict.fromkeys(("overall", "video", "audio"), 0.5)
    videos = gather_videos(windows, "mean")
    folder.mkdir(parents=True, exist_ok=True)
    score_file.write_scores(ScoreSet(videos, thresholds), folder / file)


def test_tables_of_groups_have_figures_of_parts_and_of_further_tests(tmp_path, make_result):
    groups = (
        Group("first", "First", ("full", "bare")),
        Group("parts", "Parts", ("full", "bare"), {"mismatched": "video/mismatched"}, "A note."),
        Group("noisy", "Noisy", ("full", "bare"), {"noisy": "overall/noisy_sound"}),
    )
    study = Study("trial", "A trial", VARIANTS, "full", groups)
    results = results_of(make_result, [1.0], [0.5])
    for name, scores in {"full": [0.1, 0.9, 0.8, 0.2], "bare": [0.1, 0.3, 0.8, 0.7]}.items():
        write_scores(run_folder(tmp_path, name, 0), "test_scores.jsonl", scores)
        write_scores(run_folder(tmp_path, name, 0), "test_scores_noisy_sound.jsonl", scores[::-1])
    page = StudyPage(study, results, FACTS, tmp_path / "results", tmp_path)
    page.add_tables()
    text, runs, *_ = page.write()
    written = text.read_text()
    first, parts, noisy = (part.split("\n## ")[0] for part in written.split("\n## ")[1:4])
    # Of the four pairs of fake and real clips, bare has one in the wrong order: -0.25. Drawn with
    # replacement, both real clips may be the one that is right, or the other.
    assert "| bare | 1 | -0.500 | [" in first
    assert json.loads(runs.read_text())["over_clips"]["first"]["bare"][1] == 0
    # Fake picture 0.9 against fake sound 0.8, and 0.3 against 0.8.
    assert "A note." in parts
    assert "| full | 1 | 1.000 |" in parts
    assert "| bare | 1 | 0.000 |" in parts
    assert "| full | 1 | 1.000 |" in noisy


def test_rows_whose_contrast_collapsed_say_so(tmp_path, make_result, monkeypatch):
    monkeypatch.setattr(
        "studies.study_page.collapsed_seeds", lambda runs: [0] if len(runs) == 2 else []
    )
    results = results_of(make_result, [0.9] * 3, [0.8] * 2)
    page = StudyPage(STUDY, results, FACTS, tmp_path / "results", tmp_path)
    page.add_tables()
    written = page.write()[0].read_text()
    assert "| bare | 2 | contrast collapsed in 1 of 2 runs |" in written
    assert "0.800" not in written


def test_without_the_reference_there_are_no_differences(tmp_path, make_result):
    page = StudyPage(STUDY, {"bare": {0: make_result(overall__auc=0.7)}}, FACTS, tmp_path, tmp_path)
    page.add_tables()
    assert "minus" not in page.write()[0].read_text()
