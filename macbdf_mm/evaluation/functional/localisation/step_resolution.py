"""What the length of a time step allows at best: the AP of steps that are all decided rightly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.localisation.average_precision import average_precision
from macbdf_mm.evaluation.functional.localisation.matching import Convention, match
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings, propose
from macbdf_mm.evaluation.functional.localisation.segments import Floats, Segments
from macbdf_mm.structures.intervals import MIN_FAKE_STEP_SHARE


def best_average_precision(
    truths: Segments,
    duration_seconds: Any,
    step_seconds: float,
    iou_thresholds: Sequence[float],
    convention: Convention = "exact",
) -> Floats:
    """Return the AP of an oracle of a step's length at each threshold of IoU, shape (T,).

    Its steps are fake where at least half of them is; runs of fake steps are its proposals. The
    edges of these lie on the grid of steps, and that is all that is wrong with them.

    Args:
        truths: Annotated forgeries of F files.
        duration_seconds: Length of each file, shape (F,). Steps begin at 0; the last may be
            shorter.
        step_seconds: Length of a step.
        iou_thresholds: In (0, 1].
        convention: See :mod:`~macbdf_mm.evaluation.functional.localisation.matching`.

    Raises:
        ValueError: If durations are not those of the files, or the step has no length.
    """
    oracle = oracle_steps(truths, duration_seconds, step_seconds)
    settings = ProposalSettings(segment_score="max", max_proposals=oracle.files.size + 1)
    proposals = propose(oracle, settings)
    return average_precision(match(proposals, truths, iou_thresholds, convention))


def oracle_steps(truths: Segments, duration_seconds: Any, step_seconds: float) -> Segments:
    """Return the steps of each file, their score 1 if at least half of one is fake, else 0.

    Arguments and errors as of :func:`best_average_precision`.
    """
    durations = np.asarray(duration_seconds, dtype=np.float64)
    if durations.shape != (truths.num_files,) or not (durations >= 0).all():
        raise ArgumentError(
            f"Expected `duration_seconds` >= 0 of the {truths.num_files} files, got shape "
            f"{durations.shape}."
        )
    if not step_seconds > 0:
        raise ArgumentError(f"Expected `step_seconds` > 0, got {step_seconds}.")
    # A remainder below a millionth of a step is rounding.
    counts = np.ceil(durations / step_seconds - 1e-6).astype(np.int64)
    first = np.cumsum(counts) - counts
    files = np.repeat(np.arange(truths.num_files), counts)
    numbers = np.arange(files.size) - first[files]
    starts = numbers * step_seconds
    ends = np.minimum(starts + step_seconds, durations[files])
    # The steps that each forgery meets.
    begin = np.maximum(np.floor(truths.starts / step_seconds), 0).astype(np.int64)
    end = np.minimum(np.ceil(truths.ends / step_seconds).astype(np.int64), counts[truths.files])
    num_met = np.maximum(end - begin, 0)
    truth = np.repeat(np.arange(truths.files.size), num_met)
    within = np.arange(truth.size) - (np.cumsum(num_met) - num_met)[truth]
    step = first[truths.files[truth]] + begin[truth] + within
    shared = np.minimum(ends[step], truths.ends[truth]) - np.maximum(
        starts[step], truths.starts[truth]
    )
    fake_seconds = np.bincount(step, np.maximum(shared, 0), files.size)
    is_fake = fake_seconds >= (MIN_FAKE_STEP_SHARE - 1e-6) * (ends - starts)
    return Segments(truths.num_files, files, starts, ends, is_fake.astype(np.float64))
