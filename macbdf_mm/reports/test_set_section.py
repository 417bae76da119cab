"""What the reports of an evaluation say of one test set."""

from dataclasses import asdict
from functools import partial
from typing import Any

from macbdf_mm.evaluation.condition_deltas import RobustnessSummary, summarise_robustness
from macbdf_mm.evaluation.scored_clips import ScoredClips, fill_missing
from macbdf_mm.evaluation.video_scores import none_if_nan
from macbdf_mm.reports.condition_tables import delta_table, robustness_table, severity_curves
from macbdf_mm.reports.evaluation_record import EvaluationFacts, TestSetResult
from macbdf_mm.reports.figures.severity_curves import draw_severity_curves
from macbdf_mm.reports.page import Picture
from macbdf_mm.reports.score_pictures import score_pictures
from macbdf_mm.reports.score_tables import ScoreTables, score_tables
from macbdf_mm.reports.tables import number_text, signed
from macbdf_mm.utils.counted import counted


class TestSetSection:
    """What the page, the text and the JSON say of one test set.

    Args:
        facts: Of the evaluation.
        result: The test set.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    def __init__(self, facts: EvaluationFacts, result: TestSetResult) -> None:
        self.result = result
        self._missing = facts.missing
        self.name = result.name
        known = ScoredClips.of(result.scores.videos).columns
        self._lacking = [column for column in facts.columns if column not in known]
        columns = [column for column in facts.columns if column in known]
        self.tables: ScoreTables = score_tables(
            result.scores, facts.missing, columns, facts.num_resamples
        )
        changes = [delta for delta in result.deltas if not delta.condition.corruption]
        self.changes = delta_table(changes) if changes else None
        corrupted = [delta for delta in result.deltas if delta.condition.corruption]
        self.summary: RobustnessSummary | None = summarise_robustness(corrupted)
        self.robustness = robustness_table(corrupted) if corrupted else None
        self.clusters = result.deltas[0].clusters if result.deltas else ""
        self._curves = severity_curves(corrupted)

    @property
    def notes(self) -> list[str]:
        """What is said below the tables, a sentence each."""
        notes = list(self.tables.notes)
        if self._lacking:
            notes.append(f"No clip of this test set has a column {' or '.join(self._lacking)}.")
        if self.changes or self.robustness:
            notes.append(
                "Differences: the same clips changed and as they are, by a paired bootstrap of "
                f"clusters of clips ({self.clusters}); labels and thresholds stay."
            )
        if self.summary:
            notes.append(
                f"{counted(self.summary.num_corruptions, 'corruption')}, overall score: mean "
                "corruption error (1 - balanced ACC) "
                f"{number_text(self.summary.mean_corruption_error)}, without corruption "
                f"{number_text(self.summary.clean_error)}; mean AUC drop "
                f"{signed(self.summary.mean_auc_drop)}."
            )
        return notes

    @property
    def digests(self) -> dict[str, str]:
        """Digest of weights, data, split and config, by name."""
        origin = self.result.scores.origin
        found = {
            name: str(origin[key])
            for name, key in (
                ("weights", "weights_sha256"),
                ("config", "config_sha256"),
                ("split", "split_sha256"),
            )
            if key in origin
        }
        annotations = origin.get("annotations") or {}
        return found | {f"annotation {path}": str(value) for path, value in annotations.items()}

    @property
    def thresholds(self) -> str:
        """The thresholds of the three scores."""
        values = self.result.scores.thresholds.items()
        return ", ".join(f"{track} {value:.3f}" for track, value in values)

    def pictures(self) -> dict[str, Picture]:
        """Return ``reliability``, ``risk_coverage`` and, with corruptions, ``robustness``."""
        scores = self.result.scores
        clips = ScoredClips.of(fill_missing(scores.videos, self._missing))
        found = score_pictures(clips, scores, self.tables.reliability)
        if self._curves:
            found["robustness"] = Picture(
                partial(draw_severity_curves, self._curves),
                f"AUC against the level of each corruption, on {self.name}.",
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "dataset": self.result.dataset,
            "is_synthetic": self.result.is_synthetic,
            "thresholds": dict(self.result.scores.thresholds),
            "is_threshold_fitted": self.result.scores.is_threshold_fitted,
            "aggregation": self.result.scores.aggregation,
            "digests": self.digests,
            **{**self.tables.to_json(), "notes": self.notes},
            "changes": [
                {
                    "condition": delta.condition.name,
                    "title": delta.condition.title,
                    "corruption": delta.condition.corruption or None,
                    "level": delta.condition.level or None,
                    "score": delta.track,
                    "num_clips": delta.num_clips,
                    "clusters": delta.clusters,
                    **{
                        name: {key: none_if_nan(value) for key, value in found._asdict().items()}
                        for name, found in delta.differences.items()
                    },
                }
                for delta in self.result.deltas
            ],
            "robustness": asdict(self.summary) if self.summary else None,
        }
