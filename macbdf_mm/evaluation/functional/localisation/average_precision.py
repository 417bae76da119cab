"""Average precision of proposals (AP@IoU) and average recall (AR@N), and the challenge's score."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.cluster_bootstrap import (
    MAX_LEVELS,
    Bootstrapped,
    ClassesOfClusters,
    Estimate,
    check_settings,
    percentile_interval,
)
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.localisation.matching import Convention, Matches, match
from macbdf_mm.evaluation.functional.localisation.segments import Floats, Segments
from macbdf_mm.evaluation.functional.weighted_clips import RankedClips, WeightedClips

RECALL_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""AR is the mean over these thresholds of IoU, 0.5 to 0.95."""


class Localisation(NamedTuple):
    """What is measured, for instance that of a challenge.

    Attributes:
        ap_ious: Thresholds of IoU at which AP is measured.
        ar_counts: Numbers of proposals per file at which AR is measured.
    """

    ap_ious: tuple[float, ...]
    ar_counts: tuple[int, ...]


LAVDF = Localisation((0.5, 0.75, 0.9, 0.95), (100, 50, 20, 10))
"""The columns of published tables on LAV-DF."""
AVDEEPFAKE1M = Localisation((0.5, 0.75, 0.9, 0.95), (50, 30, 20, 10, 5))
"""The columns of the challenge on AV-Deepfake1M++."""


def average_precision(matches: Matches) -> Floats:
    """Return AP at each threshold of IoU, shape (T,); NaN without annotated forgeries.

    ``exact``: the area under the whole precision-recall curve, precision interpolated from the
    right, with one point for each distinct score. 0 without proposals.
    ``avdeepfake1m``: that curve without its step from recall 0 to the first proposal, one point for
    each proposal, those of equal score in the order given. Perfect proposals of n forgeries reach
    1 - 1/n.
    """
    samples = _samples_of_proposals(matches, np.zeros(matches.truths.num_files, np.int64), 1, None)
    one = np.ones((1, 1))
    num_truths = np.array([float(matches.truths.files.size)])
    skips_first = matches.convention == "avdeepfake1m"
    values = [_ap(WeightedClips(clips, one), num_truths, skips_first)[0] for clips in samples]
    return np.array(values)


def average_recall(matches: Matches, num_proposals: int) -> float:
    """Return AR@N, the mean over the thresholds of the share of forgeries that are found.

    All files count together. NaN without annotated forgeries; a file without proposals finds none.

    Args:
        matches: At :data:`RECALL_IOUS`, or other thresholds of IoU.
        num_proposals: So many proposals of each file count: the best ones for ``exact``, the
            first as they are given for ``avdeepfake1m``.

    Raises:
        ValueError: If the number is not positive.
    """
    if num_proposals < 1:
        raise ArgumentError(f"Expected `num_proposals` > 0, got {num_proposals}.")
    if not matches.truths.files.size:
        return float("nan")
    return float((matches.found_by < num_proposals).mean())


def challenge_score(figures: Mapping[str, float]) -> float:
    """Return the score of the AV-Deepfake1M++ challenge: half the mean AP plus half the mean AR.

    Args:
        figures: With ``ap@0.5``, ``ap@0.75``, ``ap@0.9``, ``ap@0.95`` and ``ar@50``, ``ar@30``,
            ``ar@20``, ``ar@10``, ``ar@5``, as :func:`localise` returns them for
            :data:`AVDEEPFAKE1M`.

    Raises:
        ValueError: If one of them is missing.
    """
    names = [*map(_ap_name, AVDEEPFAKE1M.ap_ious), *map(_ar_name, AVDEEPFAKE1M.ar_counts)]
    if missing := [name for name in names if name not in figures]:
        raise ArgumentError(f"Expected `figures` with {', '.join(missing)}: measure them first.")
    num_ap = len(AVDEEPFAKE1M.ap_ious)
    mean_ap = np.mean([figures[name] for name in names[:num_ap]])
    mean_ar = np.mean([figures[name] for name in names[num_ap:]])
    return float((mean_ap + mean_ar) / 2)


def localise(
    proposals: Segments,
    truths: Segments,
    convention: Convention = "exact",
    measured: Localisation = LAVDF,
) -> dict[str, float]:
    """Return AP and AR, keys like ``ap@0.5`` and ``ar@10``.

    Args:
        proposals: Of F files.
        truths: Annotated forgeries of the same files.
        convention: See :mod:`~macbdf_mm.evaluation.functional.localisation.matching`.
        measured: At which thresholds and numbers of proposals.

    Raises:
        ValueError: As :func:`~macbdf_mm.evaluation.functional.localisation.matching.match`.
    """
    return _figures(_match_all(proposals, truths, convention, measured), measured)


def localisation_bootstrap(
    proposals: Segments,
    truths: Segments,
    clusters: Clusters,
    convention: Convention = "exact",
    measured: Localisation = LAVDF,
    *,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    max_levels: int | None = MAX_LEVELS,
) -> Bootstrapped:
    """Return AP and AR with intervals from resampled clusters of files.

    Proposals are matched once: whether one hits does not depend on other files.

    Args:
        proposals: Of F files.
        truths: Annotated forgeries of the same files.
        clusters: Of the F files.
        convention: See :mod:`~macbdf_mm.evaluation.functional.localisation.matching`.
        measured: At which thresholds and numbers of proposals.
        num_resamples: Number of resamples R.
        confidence: Of the intervals.
        seed: Of the drawing.
        max_levels: Of the scores in resamples of ``exact``.

    Raises:
        ValueError: If files or clusters differ in number, or a setting is out of its range.
    """
    check_settings(num_resamples, confidence)
    matches = _match_all(proposals, truths, convention, measured)
    values = _figures(matches, measured)
    for_precision, for_recall = matches.at(measured.ap_ious), matches.at(RECALL_IOUS)
    classes = ClassesOfClusters((truths.counts > 0).astype(np.int64), clusters)
    samples = _samples_of_proposals(for_precision, clusters.index, clusters.num, max_levels)
    skips_first = convention == "avdeepfake1m"
    cluster_of_truth = clusters.index[truths.files]
    num_truths = np.bincount(cluster_of_truth, minlength=clusters.num)
    num_found = [
        np.bincount(cluster_of_truth, (for_recall.found_by < n).mean(axis=0), clusters.num)
        for n in measured.ar_counts
    ]
    rows: dict[str, list[Floats]] = {name: [] for name in values}
    for counts in classes.draw(num_resamples, seed, max(clips.first.size for clips in samples)):
        drawn = counts @ num_truths
        drawn_or_nan = np.where(drawn > 0, drawn, np.nan)
        for iou, clips in zip(measured.ap_ious, samples, strict=True):
            rows[_ap_name(iou)].append(_ap(WeightedClips(clips, counts), drawn, skips_first))
        for number, found in zip(measured.ar_counts, num_found, strict=True):
            rows[_ar_name(number)].append(counts @ found / drawn_or_nan)
    replicates = {name: np.concatenate(parts) for name, parts in rows.items()}
    nothing = np.nan, np.nan
    estimates = {
        name: Estimate(
            value,
            *(percentile_interval(replicates[name], confidence) if classes.can_vary else nothing),
        )
        for name, value in values.items()
    }
    return Bootstrapped(estimates, replicates, classes.report)


def _match_all(
    proposals: Segments, truths: Segments, convention: Convention, measured: Localisation
) -> Matches:
    thresholds = sorted({*measured.ap_ious, *RECALL_IOUS})
    return match(proposals, truths, thresholds, convention)


def _figures(matches: Matches, measured: Localisation) -> dict[str, float]:
    precision = average_precision(matches.at(measured.ap_ious))
    figures = dict(zip(map(_ap_name, measured.ap_ious), map(float, precision), strict=True))
    for_recall = matches.at(RECALL_IOUS)
    return figures | {_ar_name(n): average_recall(for_recall, n) for n in measured.ar_counts}


def _samples_of_proposals(
    matches: Matches, cluster: np.ndarray, num_clusters: int, max_levels: int | None
) -> list[RankedClips]:
    """Return the proposals at each threshold, ranked, with hits in the place of fakes."""
    scores = matches.proposals.scores
    # Ranked once for all thresholds: what is in order already is sorted in no time.
    if matches.convention == "exact":
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
    else:
        # Each has a level of its own, in the order of float32 scores and of the input.
        order = np.argsort(-scores.astype(np.float32), kind="stable")
        ranked, max_levels = -np.arange(float(order.size)), None
    of_proposal = cluster[matches.proposals.files[order]]
    return [
        RankedClips.of(
            is_hit[order].astype(np.int64), ranked, of_proposal, num_clusters, max_levels
        )
        for is_hit in matches.is_hit
    ]


def _ap(proposals: WeightedClips, num_truths: Floats, skips_first: bool) -> Floats:
    """Return AP of weighted proposals, shape (R,)."""
    hits = proposals.fakes_above[:, 1:]
    called = hits + proposals.reals_above[:, 1:]
    precision = hits / np.maximum(called, np.finfo(np.float64).tiny)
    # The best precision at this recall or a higher one.
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = np.einsum("rk,rk->r", proposals.fakes_at, precision)
    if skips_first and called.shape[1]:
        rows = np.arange(called.shape[0])
        first = (called > 0).argmax(axis=1)  # the first that was drawn
        area -= (proposals.fakes_at[rows, first] > 0) * precision[rows, first]
    return area / np.where(num_truths > 0, num_truths, np.nan)


def _ap_name(iou: float) -> str:
    return f"ap@{iou:g}"


def _ar_name(num_proposals: int) -> str:
    return f"ar@{num_proposals}"
