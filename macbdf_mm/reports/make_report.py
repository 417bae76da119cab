"""The page that shows a finished run, and the run in one picture."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.reports.examples import SELECTION_RULE
from macbdf_mm.reports.figures.bars import OperatorScore, draw_operator_bars, fill_operator_axes
from macbdf_mm.reports.figures.histograms import draw_score_histograms
from macbdf_mm.reports.figures.roc_curves import TrackRoc, draw_roc_curves, fill_roc_axes
from macbdf_mm.reports.figures.theme import DARK, LIGHT, Theme, new_figure, to_png
from macbdf_mm.reports.figures.timeline import ClipStory, draw_clip, fill_clip_axes
from macbdf_mm.reports.figures.training_curves import draw_training_curves
from macbdf_mm.reports.findings import Findings, compute_findings
from macbdf_mm.reports.page import Picture, make_picture, write_page
from macbdf_mm.reports.run_record import RunRecord
from macbdf_mm.reports.tables import (
    Table,
    category_table,
    coverage_table,
    format_interval,
    operator_table,
    step_table,
    track_table,
)
from macbdf_mm.structures.labels import TRACKS
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
    findings = compute_findings(run)
    folder = run.work_dir / "report"
    path = write_page(folder / "index.html", "run.html.j2", **report_fields(findings))
    for theme, name in ((LIGHT, "summary.png"), (DARK, "summary_dark.png")):
        picture = draw_summary(
            _title(findings), findings.curves, findings.operators, _telling(findings.stories), theme
        )
        write_atomically(to_png(picture), folder / name)
    return path


def report_fields(findings: Findings) -> dict[str, Any]:
    """Return what the template ``run.html.j2`` shows."""
    run = findings.run
    return dict(
        title=_title(findings),
        run=run,
        num_clips=len(findings.videos),
        identities=_identities(findings),
        tiles=_tiles(findings),
        selection_rule=SELECTION_RULE,
        tables={
            "tracks": track_table(findings.figures),
            "steps": step_table(run.result.metrics),
            "categories": category_table(findings.videos, findings.thresholds["overall"]),
            "coverage": coverage_table(
                findings.videos, len(findings.videos) + len(run.result.unscored)
            ),
            "operators": operator_table(findings.operators),
            "versions": Table(("package", "version"), list(run.versions.items())),
        },
        pictures={
            "roc": make_picture(
                partial(draw_roc_curves, findings.curves),
                "ROC curves of the overall, video and audio scores",
            ),
            "operators": make_picture(
                partial(draw_operator_bars, findings.operators),
                "AUC of each forgery operator with its interval",
            ),
            "scores": _histograms(findings),
            "clips": [make_picture(partial(draw_clip, s), s.title) for s in findings.stories],
            "training": _training_curves(findings),
        },
    )


def draw_summary(
    title: str,
    curves: Sequence[TrackRoc],
    operators: Sequence[OperatorScore],
    story: ClipStory,
    theme: Theme = LIGHT,
) -> Figure:
    """Return a figure with ROC curves and operators on the left, one clip on the right.

    Args:
        title: Over the whole figure.
        curves: One ROC curve a track.
        operators: One entry a forgery operator.
        story: The clip.
        theme: Colours.
    """
    figure = new_figure(theme, 13, 6.2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=theme.ink)
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.7))
    measures = halves[0].subgridspec(2, 1, height_ratios=(1.7, 1))
    fill_roc_axes(figure.add_subplot(measures[0]), curves, theme)
    fill_operator_axes(figure.add_subplot(measures[1]), operators, theme)
    rows = halves[1].subgridspec(4, 1, height_ratios=(1.45, 1.3, 1.9, 0.8))
    fill_clip_axes([figure.add_subplot(rows[row]) for row in range(4)], story, theme)
    return figure


def _title(findings: Findings) -> str:
    kind = "rendered clips" if findings.run.is_synthetic else findings.run.dataset
    return f"MACB-DF on {kind}: {len(findings.videos)} test clips"


def _telling(stories: Sequence[ClipStory]) -> ClipStory:
    """Return the first clip with the most forged tracks: a real one shows no intervals."""
    return max(stories, key=lambda story: sum(map(bool, story.intervals.values())))


def _identities(findings: Findings) -> str:
    """Return who is seen in the tested clips, and whether training saw them too."""
    seen = {findings.run.rows[video.file].identity for video in findings.videos}
    if None in seen:
        return "people whom the annotation does not tell apart"
    shared = len(seen & set(findings.run.train_identities))
    if shared:
        return f"{len(seen)} identities, of which training saw {shared} too"
    return f"{len(seen)} identities that training never saw"


def _tiles(findings: Findings) -> list[tuple[str, str]]:
    """Return the figures to look at first, each with its explanation."""
    metric = METRIC_TABLE["auc"]
    tiles = [
        (
            metric.format(figures["auc"]),
            f"{track} {metric.label}, 95 % interval {format_interval(metric, figures)}",
        )
        for track, figures in findings.figures.items()
    ]
    overall = findings.figures["overall"]
    explanation = (
        "accuracy at the validation threshold; always saying fake: "
        f"{overall['always_fake_acc']:.1%}"
    )
    return [*tiles, (f"{overall['acc']:.1%}", explanation)]


def _histograms(findings: Findings) -> Picture:
    labels = {t: [video.labels[t] for video in findings.videos] for t in TRACKS}
    scores = {t: np.array([video.scores[t] for video in findings.videos]) for t in TRACKS}

    def draw(theme: Theme) -> Figure:
        return draw_score_histograms(labels, scores, findings.thresholds, theme)

    return make_picture(draw, "Histograms of the scores of real and fake clips")


def _training_curves(findings: Findings) -> Picture:
    logged = findings.run.curves
    metrics = {track: logged.metrics.get(METRIC_TABLE["auc"].key(track), ()) for track in TRACKS}
    return make_picture(
        partial(draw_training_curves, logged.losses, metrics),
        "Training loss by iteration and validation AUC by epoch",
    )
