"""The sections of the report, each a block of HTML made from the findings."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from macbdf_mm.evaluation.video_scores import TRACKS
from macbdf_mm.reports import tables
from macbdf_mm.reports.examples import SELECTION_RULE
from macbdf_mm.reports.figures import html_page as html
from macbdf_mm.reports.figures.clip_picture import ClipStory, draw_clip
from macbdf_mm.reports.figures.operator_bars import draw_operator_bars
from macbdf_mm.reports.figures.roc_curves import draw_roc_curves
from macbdf_mm.reports.figures.score_histograms import draw_score_histograms
from macbdf_mm.reports.figures.theme import Theme
from macbdf_mm.reports.figures.training_curves import draw_training_curves
from macbdf_mm.reports.findings import Findings

SYNTHETIC_BANNER = (
    "Synthetic data: every clip here is rendered, not filmed. These numbers show that the "
    "detector learns and carries over to identities and forgeries it has not met; they say "
    "nothing about real video, and these weights must not be used to judge any."
)


def lead(findings: Findings) -> str:
    """Return the sentence under the heading: what was trained and on what it was tested."""
    run = findings.run
    epoch = run.meta.get("epoch")
    after = f" after {epoch} epochs" if epoch else ""
    return (
        f"Config {run.config.name}, trained on {run.num_train_clips} clips of the data set "
        f"'{run.dataset}'; checkpoint {run.checkpoint.name}{after}; tested on "
        f"{len(findings.videos)} clips of {_identities(findings)}."
    )


def _identities(findings: Findings) -> str:
    """Return who is seen in the tested clips, and whether training saw them too."""
    seen = {findings.run.rows[video.file].identity for video in findings.videos}
    if None in seen:
        return "people whom the annotation does not tell apart"
    shared = len(seen & set(findings.run.train_identities))
    if shared:
        return f"{len(seen)} identities, of which training saw {shared} too"
    return f"{len(seen)} identities that training never saw"


def warnings(findings: Findings) -> list[str]:
    """Return banners to be read before anything else."""
    return [html.banner(SYNTHETIC_BANNER)] if findings.run.is_synthetic else []


def key_figures(findings: Findings) -> str:
    """Return the tiles with the figures to look at first."""
    overall = findings.figures["overall"]
    items = [
        (
            tables.number(figures["auc"]),
            f"{track} AUC, 95 % interval "
            f"{tables.interval(figures['auc_low'], figures['auc_high'])}",
        )
        for track, figures in findings.figures.items()
    ]
    items.append(
        (
            f"{overall['acc']:.1%}",
            f"accuracy at the validation threshold; always saying fake: "
            f"{overall['always_fake_acc']:.1%}",
        )
    )
    return html.tiles(items)


def test_section(findings: Findings) -> str:
    """Return ROC curves, operators, the table of the three tracks and that of their steps."""
    fitted = (
        "Thresholds were chosen on the validation split and are stored in the checkpoint."
        if findings.run.result.is_threshold_fitted
        else "No threshold was chosen on validation data; 0.5 is used."
    )
    steps = tables.step_table(findings.run.result.metrics)
    return html.section(
        "Test",
        f"{fitted} A dot marks each on its curve. The score of a video is the "
        f"{findings.run.result.aggregation.replace('_', ' ')} of its windows.",
        html.side_by_side(
            html.picture(
                partial(draw_roc_curves, findings.curves),
                "ROC curves of the overall, video and audio scores",
            ),
            html.picture(
                partial(draw_operator_bars, findings.operators),
                "AUC of each forgery operator with its interval",
            ),
        ),
        html.table(*tables.track_table(findings.figures)),
        *([html.table(*steps)] if steps else []),
    )


def breakdown_section(findings: Findings) -> str:
    """Return the tables by category and by operator, and what has no score."""
    unscored = findings.run.result.unscored
    names = "; ".join(f"{file}: {reason}" for file, reason in sorted(unscored.items()))
    num_tested = len(findings.videos) + len(unscored)
    return html.section(
        "By category and by operator",
        "A category is judged by the overall score, an operator by the score of the track that "
        "it forges, against the real tracks of the test split. Held-out operators occur in no "
        "training clip.",
        html.side_by_side(
            html.table(*tables.category_table(findings.videos, findings.thresholds["overall"])),
            html.table(*tables.coverage_table(findings.videos, num_tested)),
        ),
        html.table(*tables.operator_table(findings.operators)),
        html.paragraph(
            f"Without a score: {names}." if unscored else "Every tested clip has a score."
        ),
    )


def score_section(findings: Findings) -> str:
    """Return how the scores are spread."""
    labels = {t: [video.labels[t] for video in findings.videos] for t in TRACKS}
    scores = {t: np.array([video.scores[t] for video in findings.videos]) for t in TRACKS}

    def draw(theme: Theme) -> Figure:
        return draw_score_histograms(labels, scores, findings.thresholds, theme)

    return html.section(
        "Scores",
        "The dashed line is the threshold.",
        html.picture(draw, "Histograms of the scores of real and fake clips"),
    )


def training_section(findings: Findings) -> str:
    """Return the curves of loss and validation AUC."""
    curves = findings.run.curves
    metrics = {track: curves.metrics.get(f"{track}/auc", ()) for track in TRACKS}
    return html.section(
        "Training",
        "",
        html.picture(
            partial(draw_training_curves, curves.losses, metrics),
            "Training loss by iteration and validation AUC by epoch",
        ),
    )


def clip_section(findings: Findings) -> str:
    """Return pictures of a few clips."""
    return html.section(
        "A few clips",
        f"{SELECTION_RULE} Top to bottom: frames, sound, scores of the windows with the "
        "thresholds dashed, and where the clip truly is forged.",
        *(_clip(story) for story in findings.stories),
    )


def run_section(findings: Findings) -> str:
    """Return what is needed to repeat the run."""
    run = findings.run
    commands = [
        f"python tools/train.py {run.config}",
        f"python tools/test.py {run.config} {run.checkpoint}",
        f"python tools/make_report.py {run.work_dir}",
    ]
    return html.section(
        "How to repeat it",
        f"Seed {run.meta.get('seed', 'not recorded')}. Versions are those that made this page.",
        html.preformatted("\n".join(commands)),
        html.table(["package", "version"], list(run.versions.items())),
    )


def _clip(story: ClipStory) -> str:
    return html.picture(partial(draw_clip, story), story.title)
