"""The scores that runs gave to the test clips: AUCs of parts of the test, and clip spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.detection import auc
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS, UNKNOWN

SCORES_FILE = "test_scores.jsonl"
_NUM_RESAMPLES = 2000
_CONFIDENCE = 0.95
_MISMATCHED = ("FVRA", "RVFA")


@dataclass(frozen=True)
class ClipScores:
    """What a run gave to N clips, in the order of their names.

    Attributes:
        files: Their names.
        labels: 1 fake, 0 real, -1 unknown, by track, (N,) each.
        scores: P(fake) by track, (N,) each.
        categories: RVRA, FVRA, RVFA, FVFA or None of each.
    """

    files: tuple[str, ...]
    labels: Mapping[str, npt.NDArray[np.int64]]
    scores: Mapping[str, npt.NDArray[np.float64]]
    categories: tuple[str | None, ...]


def further_scores_file(test: str) -> str:
    """Return the name of the file with the scores of a further test of a run."""
    return f"test_scores_{test}.jsonl"


def read_clip_scores(path: Path) -> ClipScores:
    """Return the scores of a file that ``ForgeryMetric`` wrote.

    Raises:
        MissingDataError: If there is no such file.
    """
    videos = sorted(read_scores(path).videos, key=lambda video: video.file)
    return ClipScores(
        tuple(video.file for video in videos),
        {track: np.array([video.labels[track] for video in videos]) for track in TRACKS},
        {track: np.array([video.scores[track] for video in videos]) for track in TRACKS},
        tuple(video.category for video in videos),
    )


def track_auc(clips: ClipScores, track: str) -> float:
    """Return the AUC of a track over all clips that are labelled and scored in it."""
    known = _known(clips, track)
    return auc(clips.labels[track][known], clips.scores[track][known])


def mismatched_auc(clips: ClipScores, track: str) -> float:
    """Return the AUC on clips of which one track is fake and the other real.

    Of the verdict on the clip as a whole, such fakes are told from the clips that are real
    throughout; of a track, the clips that are fake in it from those that are fake in the other.

    Args:
        clips: What a run gave.
        track: ``overall``, ``video`` or ``audio``.
    """
    kinds = (*_MISMATCHED, "RVRA") if track == "overall" else _MISMATCHED
    chosen = np.isin(np.array(clips.categories, dtype=object), kinds) & _known(clips, track)
    return auc(clips.labels[track][chosen], clips.scores[track][chosen])


def clip_interval(
    runs: Sequence[ClipScores], references: Sequence[ClipScores], track: str = "overall"
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval over clips of a mean difference in AUC.

    Clips are drawn with replacement within each class. Every draw is used for all runs of both
    sides, and the mean over the runs of the AUCs is compared: it says how far the difference
    could move had other clips been tested, with these very weights.

    Args:
        runs: Of one variant, one a seed.
        references: Of the other, one a seed.
        track: ``overall``, ``video`` or ``audio``.

    Raises:
        ConfigError: If the runs were tested on different clips.
    """
    first = runs[0]
    if any(clips.files != first.files for clips in (*runs, *references)):
        raise ConfigError(
            "The runs of the study were tested on different clips, so they cannot be compared; "
            "train those of the older data again."
        )
    labels = first.labels[track]
    known = np.all([_known(clips, track) for clips in (*runs, *references)], axis=0)
    fakes = np.flatnonzero((labels == FAKE) & known)
    reals = np.flatnonzero((labels == REAL) & known)
    if not len(fakes) or not len(reals):
        return float("nan"), float("nan")
    # (fakes, reals) each; an AUC is the mean of such a matrix.
    difference = sum(_wins(clips.scores[track], fakes, reals) for clips in runs) / len(runs)
    difference -= sum(_wins(clips.scores[track], fakes, reals) for clips in references) / len(
        references
    )
    generator = np.random.default_rng(0)
    drawn_fakes = _counts(generator, len(fakes))
    drawn_reals = _counts(generator, len(reals))
    values = np.einsum("nf,fr,nr->n", drawn_fakes, difference, drawn_reals, optimize=True)
    values /= len(fakes) * len(reals)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _known(clips: ClipScores, track: str) -> npt.NDArray[np.bool_]:
    """Return which clips are labelled in a track and have a score of it."""
    known: npt.NDArray[np.bool_] = clips.labels[track] != UNKNOWN
    return known & ~np.isnan(clips.scores[track])


def _wins(
    scores: npt.NDArray[np.float64], fakes: npt.NDArray[np.int64], reals: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return 1 where a fake scores higher than a real clip, 1/2 where they are equal."""
    return (np.sign(scores[fakes][:, None] - scores[reals][None, :]) + 1) / 2


def _counts(generator: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Return how often each of some clips is drawn in each resample, (resamples, size)."""
    return generator.multinomial(size, np.full(size, 1 / size), _NUM_RESAMPLES).astype(np.float64)
