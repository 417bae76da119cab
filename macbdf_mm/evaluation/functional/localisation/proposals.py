"""Proposals, intervals that are likely fake, from the scores of time steps."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.localisation.average_precision import average_precision
from macbdf_mm.evaluation.functional.localisation.matching import match
from macbdf_mm.evaluation.functional.localisation.segments import (
    TOLERANCE_SECONDS,
    Floats,
    Indices,
    Segments,
)
from macbdf_mm.evaluation.functional.localisation.soft_nms import soft_nms
from macbdf_mm.evaluation.functional.weighted_clips import first_of_runs

SegmentScore = Literal["mean", "max", "contrast"]

FIT_IOUS = (0.5, 0.75, 0.9, 0.95)
"""The thresholds of IoU over which proposals are fitted: those of published tables."""
_NUM_VALUES = 24
# The settings that are one number; thresholds follow.
_NUM_SINGLE = 7


@dataclass(frozen=True)
class ProposalSettings:
    """How step scores become proposals.

    Attributes:
        thresholds: Steps that reach a threshold form segments, for each threshold anew: low ones
            find whole forgeries, high ones their cores.
        max_gap_seconds: Segments that are no farther apart are joined.
        min_length_seconds: Shorter segments are dropped.
        segment_score: ``'mean'`` or ``'max'`` of the steps, or ``'contrast'``: the mean times 1
            minus the mean of the steps on either side, half as many as the segment has.
        nms_sigma: Of soft-NMS; None: no suppression.
        clip_power: Scores are multiplied by the clip's own score to this power.
        max_proposals: So many of a file are kept, the best ones.
    """

    thresholds: tuple[float, ...] = (0.5,)
    max_gap_seconds: float = 0.0
    min_length_seconds: float = 0.0
    segment_score: SegmentScore = "mean"
    nms_sigma: float | None = None
    clip_power: float = 0.0
    max_proposals: int = 100

    def __post_init__(self) -> None:
        if not self.thresholds:
            raise ArgumentError("Expected one or more `thresholds`, got none.")
        for name in ("max_gap_seconds", "min_length_seconds", "clip_power"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(f"Expected `{name}` >= 0, got {getattr(self, name)}.")
        if self.segment_score not in get_args(SegmentScore):
            raise ArgumentError(
                f"Expected `segment_score` in {get_args(SegmentScore)}, got {self.segment_score!r}."
            )
        if self.nms_sigma is not None and not self.nms_sigma > 0:
            raise ArgumentError(f"Expected `nms_sigma` > 0 or None, got {self.nms_sigma}.")
        if self.max_proposals < 1:
            raise ArgumentError(f"Expected `max_proposals` > 0, got {self.max_proposals}.")

    @classmethod
    def from_values(cls, values: Any) -> "ProposalSettings | None":
        """Return the settings of what :attr:`values` gave, shape (24,); None for zeros alone."""
        array = np.asarray(values, dtype=np.float64)
        if not array.any():
            return None
        gap, length, kind, sigma, power, most, num_thresholds = array[:_NUM_SINGLE].tolist()
        first = array[_NUM_SINGLE:]
        return cls(
            thresholds=tuple(first[: int(num_thresholds)].tolist()),
            max_gap_seconds=gap,
            min_length_seconds=length,
            segment_score=get_args(SegmentScore)[int(kind)],
            nms_sigma=sigma or None,
            clip_power=power,
            max_proposals=int(most),
        )

    @property
    def values(self) -> Floats:
        """All settings as one array, shape (24,), to be kept in a checkpoint.

        Raises:
            ValueError: If there are more than 17 thresholds.
        """
        if len(self.thresholds) > _NUM_VALUES - _NUM_SINGLE:
            raise ArgumentError(
                f"Expected up to {_NUM_VALUES - _NUM_SINGLE} `thresholds`, got "
                f"{len(self.thresholds)}: a checkpoint has room for no more."
            )
        values = np.zeros(_NUM_VALUES)
        values[:_NUM_SINGLE] = (
            self.max_gap_seconds,
            self.min_length_seconds,
            get_args(SegmentScore).index(self.segment_score),
            self.nms_sigma or 0.0,
            self.clip_power,
            self.max_proposals,
            len(self.thresholds),
        )
        values[_NUM_SINGLE : _NUM_SINGLE + len(self.thresholds)] = self.thresholds
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ProposalSettings":
        """Return the settings of what :meth:`to_json` gave."""
        return cls(**{**values, "thresholds": tuple(values["thresholds"])})

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for :meth:`from_json`."""
        return asdict(self) | {"thresholds": list(self.thresholds)}


def propose(
    steps: Segments, settings: ProposalSettings, clip_scores: Floats | None = None
) -> Segments:
    """Return the proposals of each file, best first.

    Args:
        steps: Scored time steps of each file, in order of time; scores in [0, 1].
        settings: How they become proposals.
        clip_scores: P(fake) of each file as a whole, shape (F,), if ``clip_power`` is not 0.

    Raises:
        ValueError: If clip scores are wanted and not given, or not one for each file.
    """
    found = [_segments(steps, threshold, settings) for threshold in settings.thresholds]
    # One number each, which sorts faster than pairs; `np.unique` hashes such numbers, slowly.
    spans = np.sort(np.concatenate(found))
    first, last = np.divmod(spans[first_of_runs(spans)], max(steps.files.size, 1))
    scores = _score(steps, first, last, settings.segment_score)
    files = steps.files[first]
    if settings.clip_power:
        if clip_scores is None or np.shape(clip_scores) != (steps.num_files,):
            raise ArgumentError(
                f"Expected `clip_scores` of the {steps.num_files} files, got "
                f"{None if clip_scores is None else np.shape(clip_scores)}: `clip_power` is not 0."
            )
        scores = scores * np.asarray(clip_scores)[files] ** settings.clip_power
    proposals = Segments(steps.num_files, files, steps.starts[first], steps.ends[last], scores)
    if settings.nms_sigma is not None:
        proposals = soft_nms(proposals, settings.nms_sigma)
    else:
        proposals = proposals.by_score()
    return proposals.take(proposals.ranks < settings.max_proposals)


def default_grid() -> Iterator[ProposalSettings]:
    """Yield the settings among which :func:`fit_proposals` chooses, the plainest first."""
    for thresholds, gap, score, sigma, power in product(
        ((0.5,), (0.3, 0.5, 0.7), tuple(round(0.1 * k, 1) for k in range(1, 10))),
        (0.0, 0.35),
        get_args(SegmentScore),
        (None, 0.3),
        (0.0, 1.0),
    ):
        if sigma is None or len(thresholds) > 1:  # segments of one threshold never overlap
            yield ProposalSettings(
                thresholds=thresholds,
                max_gap_seconds=gap,
                segment_score=score,
                nms_sigma=sigma,
                clip_power=power,
            )


def fit_proposals(
    steps: Segments,
    truths: Segments,
    clip_scores: Floats | None = None,
    grid: Iterator[ProposalSettings] | None = None,
) -> tuple[ProposalSettings, float]:
    """Return the settings of the highest mean AP on validation clips, and that AP.

    The mean is over IoU 0.5, 0.75, 0.9 and 0.95, in the ``exact`` convention. Among equal ones the
    first of the grid is taken.

    Args:
        steps: Scored time steps of each file.
        truths: Annotated forgeries of the same files.
        clip_scores: P(fake) of each file, shape (F,); without them, settings with ``clip_power``
            are left out.
        grid: The settings to try, those of :func:`default_grid` if they are left out.

    Raises:
        ValueError: If there are no forgeries to fit on, or no settings to try.
    """
    if not truths.files.size:
        raise ArgumentError("Expected `truths` with forgeries to fit proposals on, got none.")
    best: tuple[ProposalSettings, float] | None = None
    for settings in default_grid() if grid is None else grid:
        if settings.clip_power and clip_scores is None:
            continue
        proposals = propose(steps, settings, clip_scores)
        value = float(np.mean(average_precision(match(proposals, truths, FIT_IOUS))))
        if best is None or value > best[1] + 1e-12:
            best = settings, value
    if best is None:
        raise ArgumentError("Expected a `grid` with settings to try, got none.")
    return best


def _segments(steps: Segments, threshold: float, settings: ProposalSettings) -> Indices:
    """Return each segment of the S steps above a threshold as ``first * S + last``."""
    chosen = np.flatnonzero(steps.scores >= threshold)
    if not chosen.size:
        return chosen
    gaps = steps.starts[chosen[1:]] - steps.ends[chosen[:-1]]
    is_new = (steps.files[chosen[1:]] != steps.files[chosen[:-1]]) | (
        gaps > settings.max_gap_seconds + TOLERANCE_SECONDS
    )
    breaks = np.flatnonzero(is_new)
    first = chosen[np.concatenate([[0], breaks + 1])]
    last = chosen[np.concatenate([breaks, [chosen.size - 1]])]
    lengths = steps.ends[last] - steps.starts[first]
    is_long = lengths >= settings.min_length_seconds - TOLERANCE_SECONDS
    return first[is_long] * steps.files.size + last[is_long]


def _score(steps: Segments, first: Indices, last: Indices, kind: SegmentScore) -> Floats:
    if kind == "max":
        # Pairs of bounds; what lies between two segments is computed as well, and left out.
        bounds = np.stack([first, last + 1], axis=1).ravel()
        padded = np.append(steps.scores, -np.inf)
        return np.maximum.reduceat(padded, bounds)[::2] if bounds.size else np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(steps.scores)])
    count = last - first + 1
    inside = sums[last + 1] - sums[first]
    mean = np.clip(inside / count, 0, 1)
    if kind == "mean":
        return mean
    begins = steps.first[steps.files[first]]
    ends = begins + steps.counts[steps.files[first]]
    reach = -(-count // 2)
    left, right = np.maximum(first - reach, begins), np.minimum(last + 1 + reach, ends)
    around = (sums[right] - sums[left]) - inside
    num_around = (right - left) - count
    # Alone in its file, a segment has nothing to stand out from.
    flank = np.divide(around, num_around, out=np.zeros_like(around), where=num_around > 0)
    return mean * (1 - np.clip(flank, 0, 1))
