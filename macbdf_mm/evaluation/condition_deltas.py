"""What a change of the clips does to the figures of a detector, on the same clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.conditions import Condition
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.comparison import Difference, paired_bootstrap
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.video_scores import VideoScores, clip_keys
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS

DELTA_METRICS = ("auc", "balanced_acc")
"""Metrics of the table that are compared."""


@dataclass(frozen=True)
class ConditionDelta:
    """The figures of one score under a change, against those of the clips as they are.

    Attributes:
        condition: The change.
        track: Whose score: ``overall``, ``video`` or ``audio``.
        differences: By metric; value a is that under the change, value b that without.
        num_clips: Clips with a label and a score both times.
        clusters: What was resampled.
    """

    condition: Condition
    track: str
    differences: Mapping[str, Difference]
    num_clips: int
    clusters: str


@dataclass(frozen=True)
class RobustnessSummary:
    """Means over corruptions and their levels, each corruption counting once; overall score.

    Attributes:
        clean_auc: AUC of the clips as they are.
        mean_auc_drop: That minus the mean AUC under the corruptions.
        clean_error: 1 - balanced ACC of the clips as they are.
        mean_corruption_error: Mean of 1 - balanced ACC under the corruptions.
        num_corruptions: How many there are.
    """

    clean_auc: float
    mean_auc_drop: float
    clean_error: float
    mean_corruption_error: float
    num_corruptions: int


def condition_deltas(
    as_is: Sequence[VideoScores],
    changed: Sequence[VideoScores],
    condition: Condition,
    thresholds: Mapping[str, float],
    num_resamples: int = 1000,
    seed: int = 0,
) -> list[ConditionDelta]:
    """Return the deltas of every score of which both classes are there both times.

    Clusters of clips are resampled, the same ones for both.

    Args:
        as_is: The clips as they are.
        changed: The same clips under the change.
        condition: The change.
        thresholds: Of each track, chosen on validation data as they are.
        num_resamples: Of the intervals.
        seed: Of the resampling.

    Raises:
        ConfigError: If the clips are not the same.
    """
    names = clip_keys(as_is, "the test")
    by_name = dict(zip(clip_keys(changed, condition.name), changed, strict=True))
    if by_name.keys() != set(names):
        raise ConfigError(
            f"The scores under '{condition.name}' are of other clips than those of the test set; "
            "remove them, and run the evaluation again."
        )
    before = ScoredClips.of(as_is)
    after = ScoredClips.of([by_name[name] for name in names])
    found = []
    for track in TRACKS:
        chosen = before.is_usable(track) & after.is_usable(track)
        labels = before.labels[track][chosen]
        if not {REAL, FAKE} <= set(labels.tolist()):
            continue
        clusters: Clusters = before.clusters.subset(chosen)
        measures = {name: METRIC_TABLE[name].measure(thresholds[track]) for name in DELTA_METRICS}
        compared = paired_bootstrap(
            labels,
            after.scores[track][chosen],
            before.scores[track][chosen],
            clusters,
            measures,
            num_resamples=num_resamples,
            seed=seed,
        )
        found.append(
            ConditionDelta(
                condition,
                track,
                compared.differences,
                int(chosen.sum()),
                f"{clusters.num}, by {clusters.description}",
            )
        )
    return found


def summarise_robustness(deltas: Sequence[ConditionDelta]) -> RobustnessSummary | None:
    """Return the means over the corruptions among the deltas, None without any.

    Args:
        deltas: Of one test set; those of the overall score under corruptions count.
    """
    counted = [d for d in deltas if d.condition.corruption and d.track == "overall"]
    if not counted:
        return None
    names = sorted({delta.condition.corruption for delta in counted})

    def mean(metric: str) -> float:
        return float(
            np.mean(
                [
                    np.mean(
                        [
                            delta.differences[metric].value_a
                            for delta in counted
                            if delta.condition.corruption == name
                        ]
                    )
                    for name in names
                ]
            )
        )

    clean = counted[0].differences
    return RobustnessSummary(
        clean_auc=clean["auc"].value_b,
        mean_auc_drop=clean["auc"].value_b - mean("auc"),
        clean_error=1 - clean["balanced_acc"].value_b,
        mean_corruption_error=1 - mean("balanced_acc"),
        num_corruptions=len(names),
    )
