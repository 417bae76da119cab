"""The page that shows a finished run, and the run in one picture."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.localisation import CONVENTIONS
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, UNDEFINED, Metric
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.examples import SELECTION_RULE, choose_examples, tell_story
from macbdf_mm.reports.figures.bars import OperatorScore, draw_operator_bars, fill_operator_axes
from macbdf_mm.reports.figures.histograms import draw_score_histograms
from macbdf_mm.reports.figures.roc_curves import draw_roc_curves, fill_roc_axes
from macbdf_mm.reports.figures.theme import DARK, LIGHT, Theme, new_figure, to_png
from macbdf_mm.reports.figures.timeline import ClipStory, draw_clip, fill_clip_axes
from macbdf_mm.reports.figures.training_curves import draw_training_curves
from macbdf_mm.reports.localisation_tables import localisation_title
from macbdf_mm.reports.page import Picture, write_page
from macbdf_mm.reports.run_record import RunRecord
from macbdf_mm.reports.score_pictures import score_pictures
from macbdf_mm.reports.score_tables import (
    ALL_CLIPS,
    BEFORE_AND_AFTER,
    BY_CATEGORY,
    FRAME_LEVEL,
    VERDICTS_OF_SCORES,
    ScoreTables,
    score_tables,
)
from macbdf_mm.reports.tables import Table, format_interval, operator_scores, operator_table
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically


def make_report(run: RunRecord) -> Path:
    """Return the path of the page that was written for a run.

    Writes ``report/index.html`` into its folder, which needs no other file, and the run in one
    picture, ``report/summary.png`` (``summary_dark.png`` for dark pages).

    Args:
        run: A run that was trained and tested.

    Raises:
        MissingDataError: If no tested clip has a score.
    """
    found = report_fields(run)
    folder = run.work_dir / "report"
    path = write_page(folder / "index.html", "run.html.j2", **found)
    # The first clip with the most forged tracks: a real one shows no intervals.
    story = max(found["stories"], key=lambda story: sum(map(bool, story.intervals.values())))
    for theme, name in ((LIGHT, "summary.png"), (DARK, "summary_dark.png")):
        picture = draw_summary(
            found["title"], found["videos"], found["figures"], found["operators"], story, theme
        )
        write_atomically(to_png(picture), folder / name)
    return path


def report_fields(run: RunRecord) -> dict[str, Any]:
    """Return what the template ``run.html.j2`` and the summary show; decodes the clips to show.

    Raises:
        MissingDataError: If no tested clip has a score.
    """
    scores, thresholds = run.scores, run.scores.thresholds
    videos = scores.scored
    if not videos:
        raise MissingDataError(f"No tested clip of the run in '{run.work_dir}' has a score.")
    clips = ScoredClips.of(scores.videos)
    found = score_tables(scores)
    trained = {
        track: {str(row.extra.get(f"{track}_method")) for row in run.train_rows}
        for track in STEP_TRACKS
    }
    operators = operator_scores(videos, thresholds, trained)
    stories = [
        tell_story(
            video,
            run.rows[video.file],
            run.media_root / video.file,
            thresholds,
            scores.calibration,
        )
        for video in choose_examples(videos, thresholds["overall"])
    ]
    losses, metrics = run.curves
    auc = {track: metrics.get(METRIC_TABLE["auc"].key(track), ()) for track in TRACKS}
    kind = "rendered clips" if run.is_synthetic else run.dataset
    return dict(
        title=f"MACB-DF on {kind}: {counted(len(videos), 'test clip')}",
        run=run,
        videos=videos,
        figures=found.tracks,
        operators=operators,
        stories=stories,
        identities=_identities(run, videos),
        tiles=_tiles(found.tracks),
        notes=found.notes,
        selection_rule=SELECTION_RULE,
        tables={
            "test": _some(found, ALL_CLIPS, FRAME_LEVEL),
            "calibration": _some(found, BEFORE_AND_AFTER, VERDICTS_OF_SCORES),
            "localisation": _some(found, *map(localisation_title, CONVENTIONS)),
            "categories": _some(found, BY_CATEGORY),
            "operators": operator_table(operators),
            "versions": Table(("package", "version"), list(run.versions.items())),
        },
        pictures={
            **score_pictures(clips, scores, found.reliability),
            "roc": Picture(
                partial(draw_roc_curves, videos, found.tracks),
                "ROC curves of the overall, video and audio scores",
            ),
            "operators": Picture(
                partial(draw_operator_bars, operators),
                "AUC of each forgery operator with its interval",
            ),
            "scores": Picture(
                partial(draw_score_histograms, videos, thresholds),
                "Histograms of the scores of real and fake clips",
            ),
            "clips": [Picture(partial(draw_clip, story), story.title) for story in stories],
            "training": Picture(
                partial(draw_training_curves, losses, auc),
                "Training loss by iteration and validation AUC by epoch",
            ),
        },
    )


def draw_summary(
    title: str,
    videos: Sequence[VideoScores],
    figures: Mapping[str, Mapping[str, float]],
    operators: Sequence[OperatorScore],
    story: ClipStory,
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure with ROC curves and operators on the left, one clip on the right.

    Args:
        title: Over the whole figure.
        videos: The scored videos.
        figures: Under each track what :func:`~macbdf_mm.evaluation.measures.measure_track`
            returns of them.
        operators: One entry a forgery operator.
        story: The clip.
        theme: Colours.
    """
    figure = new_figure(theme, 13, 6.2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=theme.ink)
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.7))
    measures = halves[0].subgridspec(2, 1, height_ratios=(1.7, 1))
    fill_roc_axes(figure.add_subplot(measures[0]), videos, figures, theme)
    fill_operator_axes(figure.add_subplot(measures[1]), operators, theme)
    rows = halves[1].subgridspec(4, 1, height_ratios=(1.45, 1.3, 1.9, 0.8))
    fill_clip_axes([figure.add_subplot(rows[row]) for row in range(4)], story, theme)
    return figure


def _some(found: ScoreTables, *titles: str) -> dict[str, Table]:
    """Return the tables of these titles, as far as there are any."""
    return {title: found.tables[title] for title in titles if title in found.tables}


def _identities(run: RunRecord, videos: Sequence[VideoScores]) -> str:
    """Return who is seen in the tested clips, and whether training saw them too."""
    seen = {run.rows[video.file].identity for video in videos}
    if None in seen:
        return "people whom the annotation does not tell apart"
    shared = len(seen & {row.identity for row in run.train_rows})
    if shared:
        known = counted(len(seen), "identity", "identities")
        return f"{known}, of which training saw {shared} too"
    return f"{counted(len(seen), 'identity', 'identities')} that training never saw"


def _interval(metric: Metric, values: Mapping[str, float]) -> str:
    text = format_interval(metric, values)
    return ", without an interval" if text == UNDEFINED else f", 95 % interval {text}"


def _tiles(figures: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str]]:
    """Return the figures to look at first, each with its explanation."""
    metric = METRIC_TABLE["auc"]
    tiles = [
        (
            metric.format(values["auc"]),
            f"{track} {metric.label}{_interval(metric, values)}",
        )
        for track, values in figures.items()
    ]
    overall = figures["overall"]
    explanation = (
        "accuracy at the validation threshold; always saying fake: "
        f"{overall['always_fake_acc']:.1%}"
    )
    return [*tiles, (f"{overall['acc']:.1%}", explanation)]
