"""The tables of a score file: the same for our detectors and for those of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.cluster_bootstrap import ClassesOfClusters
from macbdf_mm.evaluation.functional.clusters import MIN_CLUSTERS
from macbdf_mm.evaluation.localisation import CONVENTIONS, measure_localisation
from macbdf_mm.evaluation.measures import (
    BREAKDOWNS,
    always_fake,
    labelled_scores,
    measure_groups,
    measure_steps,
    measure_track,
)
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy, ScoredClips, fill_missing
from macbdf_mm.evaluation.track_reliability import TrackReliability, measure_reliability
from macbdf_mm.evaluation.video_scores import names_of, none_if_nan
from macbdf_mm.reports.calibration_tables import (
    calibration_notes,
    calibration_table,
    verdict_figures,
    verdict_table,
)
from macbdf_mm.reports.localisation_tables import (
    localisation_figures,
    localisation_note,
    localisation_table,
    localisation_title,
)
from macbdf_mm.reports.tables import (
    ALWAYS_FAKE,
    Table,
    group_table,
    step_table,
    track_table,
)
from macbdf_mm.structures.labels import FAKE, REAL, STEP_TRACKS, TRACKS, UNKNOWN
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import markdown_table, printable

ALL_CLIPS = "All clips"
VERDICTS_OF_SCORES = "Verdicts (overall score)"
BEFORE_AND_AFTER = "Calibration, before and after"
FRAME_LEVEL = "Frame level"
BY_CATEGORY = "By category (overall score)"
SYNTHETIC = (
    "Synthetic data: the clips are rendered, not filmed, and the figures say nothing about real "
    "video."
)
POLICY_WORDS = {
    "exclude": "are left out",
    "as-real": "count as real (score 0)",
    "as-fake": "count as fake (score 1)",
}
_TITLES = {
    "category": BY_CATEGORY,
    "method": "By method of the clip (overall score)",
    "video_method": "By video operator (video score)",
    "audio_method": "By audio operator (audio score)",
}
_MAX_NAMED = 5


@dataclass(frozen=True)
class ScoreTables:
    """Tables of a score file.

    Attributes:
        notes: What they rest on, a sentence each.
        tables: By their titles.
        tracks: By track its figures, as :func:`~macbdf_mm.evaluation.measures.measure_track`
            returns them.
        figures: All figures as numbers, as ``overall/auc``, ``always_fake/acc``,
            ``verdicts/uncertain_share``, ``video/frame_auc`` and ``audio/exact/ap@0.5``.
        reliability: By track what a reliability plot shows.
    """

    notes: Sequence[str]
    tables: dict[str, Table]
    tracks: Mapping[str, Mapping[str, float]]
    figures: Mapping[str, float]
    reliability: Mapping[str, TrackReliability]

    def to_text(self) -> str:
        """Return tables and notes as text of aligned columns."""
        parts = [f"{title}\n{table.to_text()}" for title, table in self.tables.items()]
        return "\n\n".join([*parts, "\n".join(self.notes)])

    def to_markdown(self) -> str:
        """Return tables and notes as Markdown."""
        parts = [
            f"### {title}\n\n{markdown_table(table.headers, table.rows)}"
            for title, table in self.tables.items()
        ]
        return "\n\n".join([*parts, *self.notes]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return notes, tables and figures as plain values; null is not defined."""
        return {
            "notes": list(self.notes),
            "figures": {name: none_if_nan(value) for name, value in self.figures.items()},
            "reliability": {track: own.to_json() for track, own in self.reliability.items()},
            "tables": {
                title: {"headers": list(table.headers), "rows": [list(row) for row in table.rows]}
                for title, table in self.tables.items()
            },
        }


def score_tables(
    scores: ScoreSet,
    missing: MissingPolicy = "exclude",
    columns: Sequence[str] = (),
    num_resamples: int = 1000,
) -> ScoreTables:
    """Return the tables of a score file.

    Args:
        scores: The scores.
        missing: What is done about clips without a score, see
            :func:`~macbdf_mm.evaluation.scored_clips.fill_missing`.
        columns: Further columns of the annotation by whose values the overall score is measured.
        num_resamples: Of the intervals.

    Raises:
        ValueError: If no clip has a column of that name.
    """
    coverage = {track: ScoredClips.of(scores.videos).coverage(track) for track in TRACKS}
    clips = ScoredClips.of(fill_missing(scores.videos, missing))
    known = clips.columns
    if unknown := [column for column in columns if column not in known]:
        raise ArgumentError(
            f"The score file has no column '{unknown[0]}' for --by; it has {', '.join(known)}."
        )
    thresholds = scores.thresholds
    tracks = {
        track: measure_track(clips, track, thresholds[track], num_resamples) for track in TRACKS
    }
    of_always_fake = always_fake(clips)
    tables = {ALL_CLIPS: track_table({**tracks, ALWAYS_FAKE: of_always_fake}, coverage)}
    labels, overall = labelled_scores(clips, "overall")
    if calibrated := calibration_table(clips, scores.calibration):
        tables[BEFORE_AND_AFTER] = calibrated
    verdicts: dict[str, float] = {}
    if scores.calibration.band is not None and labels.size:
        decisions = (labels, overall, scores.calibration, thresholds["overall"])
        tables[VERDICTS_OF_SCORES] = verdict_table(*decisions)
        verdicts = verdict_figures(*decisions)
    steps: dict[str, float] = {}
    for track in STEP_TRACKS:
        steps |= measure_steps(clips, track, thresholds[track], num_resamples)
    if by_step := step_table(steps):
        tables[FRAME_LEVEL] = by_step
    located = measure_localisation(clips, scores.proposals, num_resamples)
    if any(track.num_forgeries for track in located.values()):
        for convention in CONVENTIONS:
            table = localisation_table(located, convention)
            tables[localisation_title(convention)] = table
    chosen = [column for column in columns if column not in _TITLES]
    for column, track, breakdown in [
        *BREAKDOWNS,
        *((column, "overall", "category") for column in chosen),
    ]:
        groups = measure_groups(
            clips, column, track, thresholds[track], num_resamples, breakdown=breakdown
        )
        if groups:
            title = _TITLES.get(column, f"By {column} (overall score)")
            tables[title] = group_table(groups, column, breakdown)
    figures = {
        f"{name}/{key}": value
        for name, values in {
            **tracks,
            "always_fake": of_always_fake,
            "verdicts": verdicts,
        }.items()
        for key, value in values.items()
    }
    return ScoreTables(
        [
            *_data_notes(scores, clips, missing, num_resamples),
            "The thresholds were chosen on validation data."
            if scores.is_threshold_fitted
            else "The thresholds were not chosen on validation data.",
            *calibration_notes(scores.calibration),
            localisation_note(scores, located),
        ],
        tables,
        tracks,
        {**figures, **steps, **localisation_figures(located)},
        measure_reliability(clips, num_resamples),
    )


def _data_notes(
    scores: ScoreSet, clips: ScoredClips, missing: MissingPolicy, num_resamples: int
) -> list[str]:
    """Return which clips are measured, what is done about the others, and what is resampled."""
    labels = clips.labels["overall"]
    name = scores.dataset
    held = f"{(labels == REAL).sum()} real and {(labels == FAKE).sum()} fake"
    if (labels == UNKNOWN).any():
        held += f", {(labels == UNKNOWN).sum()} without a label"
    notes = [
        f"{f'Data set {printable(name)}' if name else 'A data set without a name'}: "
        f"{counted(labels.size, 'clip')}, {held}."
    ]
    if scores.is_synthetic:
        notes.append(SYNTHETIC)
    unscored = [
        (name, video)
        for name, video in zip(names_of(scores.videos), scores.videos, strict=True)
        if not video.is_scored
    ]
    num, num_scored = len(scores.videos), len(scores.videos) - len(unscored)
    share = f" ({num_scored / num:.1%})" if num else ""
    named = [f"{printable(name)} ({video.problem})" for name, video in unscored[:_MAX_NAMED]]
    rest = len(unscored) - len(named)
    lost = f": {'; '.join(named)}{f'; and {rest} more' if rest > 0 else ''}" if named else ""
    notes.append(
        f"{num_scored} of {counted(num, 'clip')} {'has' if num == 1 else 'have'} a score{share}. "
        f"Clips without a score {POLICY_WORDS[missing]} (policy {missing}){lost}."
    )
    if not num_resamples:
        return [*notes, "There are no intervals: nothing was resampled."]
    classes = ClassesOfClusters(labels, clips.clusters)
    report = classes.report
    if labels.size and not classes.can_vary:
        few = f"each class has a single cluster of clips (by {report.kind})"
        return [*notes, f"There are no intervals: {few}."]
    notes.append(
        f"Intervals are 95 %, by a bootstrap of {counted(report.num_clusters, 'cluster')} of clips "
        f"(by {report.kind}), {counted(num_resamples, 'resample')}."
    )
    if not report.is_reliable:
        notes.append(
            f"Real clips are in {counted(report.num_real_clusters, 'cluster')} and fakes in "
            f"{report.num_fake_clusters}: with fewer than {MIN_CLUSTERS} of either, intervals are "
            "too narrow."
        )
    return notes
