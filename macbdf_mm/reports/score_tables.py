"""The tables of a score file: the same for our detectors and for those of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.localisation import (
    CONVENTIONS,
    LocalisedTrack,
    measure_localisation,
)
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
from macbdf_mm.evaluation.video_scores import names_of
from macbdf_mm.reports.tables import (
    ALWAYS_FAKE,
    Table,
    group_table,
    localisation_table,
    localisation_title,
    step_table,
    track_table,
    verdict_table,
)
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.tables import markdown_table, printable

_TITLES = {
    "category": "By category (overall score)",
    "method": "By method of the clip (overall score)",
    "video_method": "By video operator (video score)",
    "audio_method": "By audio operator (audio score)",
}
_POLICY_WORDS = {
    "exclude": "are left out",
    "as-real": "count as real (score 0)",
    "as-fake": "count as fake (score 1)",
}
_MAX_NAMED = 5


@dataclass(frozen=True)
class ScoreTables:
    """Tables of a score file.

    Attributes:
        notes: What they rest on, a sentence each.
        tables: By their titles.
    """

    notes: Sequence[str]
    tables: dict[str, Table]

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
        """Return tables and notes as plain values."""
        return {
            "notes": list(self.notes),
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
            f"Expected `--by` a column of the score file, {', '.join(known)}, got '{unknown[0]}'."
        )
    thresholds = scores.thresholds
    figures = {
        track: measure_track(clips, track, thresholds[track], num_resamples) for track in TRACKS
    }
    figures[ALWAYS_FAKE] = always_fake(clips)
    tables = {"All clips": track_table(figures, coverage)}
    labels, overall = labelled_scores(clips, "overall")
    if scores.calibration.band is not None and labels.size:
        tables["Verdicts (overall score)"] = verdict_table(
            labels, overall, scores.calibration, thresholds["overall"]
        )
    steps: dict[str, float | None] = {}
    for track in STEP_TRACKS:
        steps |= measure_steps(clips, track, thresholds[track], num_resamples)
    if by_step := step_table(steps):
        tables["Frame level"] = by_step
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
    notes = _notes(scores, clips, missing, num_resamples)
    return ScoreTables([*notes, localisation_note(scores, located)], tables)


def localisation_note(scores: ScoreSet, located: Mapping[str, LocalisedTrack]) -> str:
    """Return what tables of localisation rest on, or why there are none.

    Args:
        scores: The scores.
        located: What :func:`~macbdf_mm.evaluation.localisation.measure_localisation` returns.
    """
    if not located:
        return "Forgeries are not located in time: there are no scores of time steps."
    if not any(track.num_labelled for track in located.values()):
        return "Localisation is not measured: the score file does not say where clips are forged."
    if not any(track.num_forgeries for track in located.values()):
        return "Localisation is not measured: no forgery is annotated."
    is_fitted = set(located) <= set(scores.proposals)
    how = "fitted on validation data" if is_fitted else "not all fitted on validation data"
    parts = [f"The settings of the proposals were {how}."]
    for track, found in located.items():
        if found.num_partly_seen and track != "overall":
            parts.append(
                f"In {found.num_partly_seen} of {found.num_videos} clips the {track} was not seen "
                "in some windows, and nothing is proposed there."
            )
    return " ".join(parts)


def _notes(
    scores: ScoreSet, clips: ScoredClips, missing: MissingPolicy, num_resamples: int
) -> list[str]:
    clusters = clips.clusters
    unscored = [
        (name, video)
        for name, video in zip(names_of(scores.videos), scores.videos, strict=True)
        if not video.is_scored
    ]
    num, num_scored = len(scores.videos), len(scores.videos) - len(unscored)
    share = f"{num_scored / num:.1%}" if num else "none"
    notes = [f"{num_scored} of {num} clips have a score ({share})."]
    if unscored:
        named = [f"{printable(name)} ({video.problem})" for name, video in unscored[:_MAX_NAMED]]
        rest = len(unscored) - len(named)
        notes[0] += (
            f" Those without {_POLICY_WORDS[missing]}: {'; '.join(named)}"
            f"{f'; and {rest} more' if rest > 0 else ''}."
        )
    if num_resamples:
        notes.append(
            f"Intervals are 95 %, by a bootstrap of {clusters.num} clusters of clips "
            f"(by {clusters.description}), {num_resamples} resamples."
        )
    notes.append(
        "The thresholds were chosen on validation data."
        if scores.is_threshold_fitted
        else "The thresholds were not chosen on validation data."
    )
    calibration = scores.calibration
    lacking = [track for track in TRACKS if calibration.maps[track]["method"] == "none"]
    if len(lacking) < len(TRACKS):
        others = f", but not those of {' and '.join(lacking)}" if lacking else ""
        notes.append(f"The scores were calibrated on validation data{others}.")
    else:
        notes.append("The scores were not calibrated, so they need not be probabilities.")
    if (band := calibration.band) is not None:
        notes.append(
            f"Overall scores from {band.low:.3f} to {band.high:.3f} are uncertain: on validation "
            f"data, {band.num_errors} of {band.num_decided} verdicts outside were wrong, which "
            f"bounds their share to {band.error_bound:.1%} (confidence {band.confidence:.0%})."
        )
    elif calibration.is_fitted:
        notes.append("No score is uncertain: validation data assure the bound for no band.")
    return notes
