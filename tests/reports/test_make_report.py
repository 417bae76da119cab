import dataclasses
import re

import numpy as np
import pytest
from matplotlib import image
from sklearn.metrics import roc_auc_score

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.window_scores import StepScores
from macbdf_mm.reports.figures.bars import OperatorScore
from macbdf_mm.reports.figures.theme import new_figure
from macbdf_mm.reports.figures.timeline import ClipStory
from macbdf_mm.reports.make_report import draw_summary, make_report, report_fields
from macbdf_mm.reports.page import render_page
from macbdf_mm.structures.labels import TRACKS

BANNER = "Synthetic data: every clip here is rendered, not filmed."
EVIL = "<script>alert('x')</script>&\"'\n"


@pytest.fixture
def run(finished_run):
    return read_run(finished_run)


@pytest.fixture
def show(run, read_page, monkeypatch):
    """Return a function that reads the page of the run, parts of whose record are changed.

    Its pictures are drawn, but not made into files, which would take most of the time.
    """
    monkeypatch.setattr("macbdf_mm.reports.page.to_png", lambda figure: b"")

    def read(**changes):
        fields = report_fields(dataclasses.replace(run, **changes))
        return read_page(render_page("run.html.j2", **fields))

    return read


def test_figures_and_clips_follow_from_the_scores(run):
    found = report_fields(run)
    overall = roc_auc_score([0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.8, 0.9, 0.7, 0.6, 0.95])
    assert found["figures"]["overall"]["auc"] == pytest.approx(overall)
    assert list(found["figures"]) == ["overall", "video", "audio"]
    assert found["figures"]["audio"]["threshold"] == 0.55
    assert len(found["stories"]) == 5


def test_a_track_of_one_class_is_shown_without_a_curve(show, run):
    videos = [
        dataclasses.replace(video, labels={**video.labels, "audio": 0})
        for video in run.scores.videos
    ]
    page = show(scores=dataclasses.replace(run.scores, videos=videos))
    tracks = page.table("")
    assert tracks[0] == ["", "overall", "video", "audio", '"always fake", overall']
    assert tracks[1][0::3] == ["AUC", "-"]
    assert tracks[-1] == ["scored of labelled", "7 of 8", "7 of 8", "7 of 8", ""]


def test_a_test_without_scores_is_refused(run):
    lost = dataclasses.replace(run.scores, videos=run.scores.videos[-1:])
    with pytest.raises(MissingDataError, match=r"No tested clip .* has a score"):
        make_report(dataclasses.replace(run, scores=lost))


def test_the_page_needs_no_other_file_and_says_what_it_is(finished_run):
    path = make_report(read_run(finished_run))
    assert path == finished_run / "report" / "index.html"
    page = path.read_text(encoding="utf-8")
    assert BANNER in page.replace("\n", " ")
    # Two of the test, three of scores, one of training, five clips.
    assert page.count("<picture>") == 11
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", page)
    for words in ("0 bytes", "mouth_rerender", "held out", "FVFA", "always fake", "prefers-color"):
        assert words in page
    for name in ("summary.png", "summary_dark.png"):
        assert image.imread(finished_run / "report" / name).shape[1] > 1000


def test_the_picture_of_the_run_shows_the_clip_with_most_forged_tracks(finished_run, monkeypatch):
    shown = []

    def draw(title, videos, figures, operators, story, theme):
        shown.append((story.title.split(" ")[0], theme.name))
        return new_figure(theme, 1, 1)

    monkeypatch.setattr("macbdf_mm.reports.make_report.draw_summary", draw)
    make_report(read_run(finished_run))
    assert shown == [("test_6.mp4", "light"), ("test_6.mp4", "dark")]


def test_the_lead_says_what_was_tested(show):
    text = show().text
    assert "Config config.py, trained on 6 clips of the data set 'tiny'" in text
    assert "best_auc.pth after 1 epoch;" in text
    assert "7 clips of 4 identities that training never saw." in text


def test_the_lead_owns_up_to_shared_or_unknown_identities(show, run):
    seen = [ClipRow("x.mp4", 0, identity=name) for name in ("test0", "test1", "train9", None)]
    text = show(train_rows=seen).text
    assert "4 identities, of which training saw 2 too." in text
    rows = {f: dataclasses.replace(row, identity=None) for f, row in run.rows.items()}
    assert "whom the annotation does not tell apart." in show(rows=rows).text


def test_the_tiles_show_auc_and_always_fake(show):
    text = show().text
    assert "video AUC, 95 % interval" in text
    assert "always saying fake: 57.1%" in text


def test_what_has_no_score_is_named(show, run):
    page = show()
    assert "Without a score: test_9.mp4: 0 bytes." in page.text
    assert "no, held out" in [row[-1] for row in page.table("operator")]
    scores = dataclasses.replace(run.scores, videos=run.scores.scored)
    page = show(scores=scores)
    assert "Every tested clip has a score." in page.text
    assert page.table("")[-1][1] == "7 of 7"


def test_where_thresholds_come_from_is_said(show, run):
    assert "The thresholds were chosen on validation data." in show().text
    scores = dataclasses.replace(run.scores, is_threshold_fitted=False)
    assert "The thresholds were not chosen on validation data." in show(scores=scores).text


def test_what_the_figures_rest_on_is_said(show):
    text = show().text
    assert "Data set tiny: 8 clips, 3 real and 5 fake." in text
    assert (
        "7 of 8 clips have a score (87.5%). Clips without a score are left out (policy exc" in text
    )
    assert "a bootstrap of 8 clusters of clips (by clip), 1000 resamples." in text
    assert "Real clips are in 3 clusters and fakes in 5: with fewer than 10 of either" in text
    assert "The scores were not calibrated, so they need not be probabilities." in text


def test_reliability_and_risk_stand_on_the_page_before_and_after_calibration(show, run):
    pictures = show().pictures
    [reliability] = [text for text in pictures if text.startswith("Share of fakes by score")]
    # Seven clips in bins of their own but 0.6 and 0.7: 1 - 0.95, 1 - 0.9 and so on.
    distances = [0.1, 0.2, 0.8, 0.1, 0.3, 0.4, 0.05]
    assert f"errors: overall {sum(distances) / 7:.3f} (by chance " in reliability
    assert "Share of wrong verdicts by the share of clips that are decided." in pictures
    raw = [
        dataclasses.replace(v, raw_scores=dict.fromkeys(v.scores, 0.5)) for v in run.scores.videos
    ]
    platt = {"method": "platt", "num_real": 40, "num_fake": 60, "slope": 1.0, "bias": 0.0}
    band = UncertainBand(0.15, 0.75, 0.1, 0.95, 0.08, 80, 3, 100)
    calibration = ScoreCalibration(dict.fromkeys(TRACKS, platt), band)
    page = show(scores=dataclasses.replace(run.scores, videos=raw, calibration=calibration))
    # 4 of 7 clips are fake, and all scored 0.5.
    assert any(", before calibration 0.071)" in text for text in page.pictures)
    assert page.table("score")[1][:5] == ["overall", "platt", "40 real, 60 fake", "0.071", "0.279"]
    # 0.2, 0.7 and 0.6 are inside; outside, the real clip of 0.8 is called fake.
    assert page.table("clips")[1] == ["all", "7", "14%", "43%", "43%", "25%"]
    assert (
        "Overall scores from 0.150 to 0.750 are uncertain: on validation data, 3 of 80" in page.text
    )


def test_frame_level_figures_have_a_table_where_there_are_any(show, run):
    assert "AUC of all time steps" not in show().text
    steps = {"audio": StepScores(np.array([0.1, 0.9]), np.array([0, 1]))}
    first, *others = run.scores.videos
    windows = tuple(dataclasses.replace(window, steps=steps) for window in first.windows)
    videos = [dataclasses.replace(first, windows=windows), *others]
    page = show(scores=dataclasses.replace(run.scores, videos=videos))
    assert "Frame level" in page.text
    # The steps of one clip alone: there is nothing to resample.
    assert page.table("", 1)[1] == ["audio", "1.000", "1.000", "1"]


def test_only_rendered_clips_get_the_banner(show):
    assert BANNER in show().text
    assert BANNER not in show(is_synthetic=False).text


def test_the_run_can_be_repeated(show, run):
    page = show()
    for words in ("tools/train.py", "tools/test.py", "tools/make_report.py", "Seed 0"):
        assert words in page.text
    assert "mmengine" in [row[0] for row in page.table("package")]
    assert "Seed not recorded." in show(meta={}).text


def test_names_cannot_change_the_page(show, run):
    *scored, lost = run.scores.videos
    videos = [*scored, dataclasses.replace(lost, file=EVIL, error=EVIL)]
    scores = dataclasses.replace(run.scores, videos=videos)
    page = show(
        dataset=EVIL, is_synthetic=False, scores=scores, versions={EVIL: EVIL}, meta={"seed": EVIL}
    )
    assert "script" not in page.tags
    assert page.text.count("<script>alert('x')</script>&\"'") == 10


def test_summary_holds_curves_operators_and_a_clip(tested_videos):
    story = ClipStory(
        title="a clip",
        duration_seconds=1.0,
        frames=np.zeros((2, 8, 8, 3), np.uint8),
        waveform=None,
        sample_rate=16_000,
        windows=np.array([[0.0, 1.0, 0.2, 0.3, np.nan]]),
        thresholds={},
        intervals={"video": []},
    )
    of_track = {"overall": measure_track(tested_videos, "overall", 0.5, 20)}
    figures = {"auc": 0.9, "auc_low": 0.8, "auc_high": 1.0}
    operators = [OperatorScore("mouth_swap", "video", 2, figures, 0.5, is_held_out=False)]
    figure = draw_summary("a run", tested_videos, of_track, operators, story)
    assert figure.get_suptitle() == "a run"
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3] == ["ROC on the test split", "AUC by forgery operator", "a clip"]
    assert len(figure.axes) == 6
