"""The files that public evaluations take, written from a score file."""

import math
from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.functional.localisation.submission import (
    detection_submission,
    localisation_submission,
)
from macbdf_mm.evaluation.localisation import propose_intervals
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically, write_json


def write_localisation(
    scores: ScoreSet, path: str | Path, layout: str, track: str = "overall", root: str = ""
) -> int:
    """Write the proposals of a track, and return how many files have none.

    These stand in the file too, as the evaluations want it.

    Args:
        scores: The scores, with those of time steps.
        path: JSON file.
        layout: ``'lavdf'`` or ``'avdeepfake1m'``.
        track: ``'overall'``, ``'video'`` or ``'audio'``.
        root: Folder that is left out at the start of the names of files.

    Raises:
        MissingDataError: If the track has no scores of time steps.
        ValueError: If there is no such layout, or two files have one name.
    """
    proposals = propose_intervals(scores.videos, scores.proposals)
    if track not in proposals:
        raise MissingDataError(
            f"The score file has no scores of time steps of '{track}', so there are no proposals: "
            "it takes a model with a frame-level head, tested by `macbdf test`."
        )
    found = proposals[track]
    write_json(localisation_submission(_names(scores, root), found, layout), path)
    return int((found.counts == 0).sum())


def write_detection(
    scores: ScoreSet,
    path: str | Path,
    track: str = "overall",
    root: str = "",
    missing: MissingPolicy = "exclude",
) -> None:
    """Write P(fake) of each file, a line each.

    Args:
        scores: The scores.
        path: Text file.
        track: ``'overall'``, ``'video'`` or ``'audio'``.
        root: Folder that is left out at the start of the names of files.
        missing: What files without a score count as.

    Raises:
        MissingDataError: If files have no score and ``missing`` does not say what they count as.
        ValueError: If two files have one name, or one that a line cannot hold.
    """
    assumed = {"exclude": float("nan"), "as-real": 0.0, "as-fake": 1.0}[missing]
    values = [video.scores[track] for video in scores.videos]
    lost = [v.file for v, value in zip(scores.videos, values, strict=True) if math.isnan(value)]
    if lost and missing == "exclude":
        raise MissingDataError(
            f"{counted(len(lost), 'file')} of {len(values)} {'has' if len(lost) == 1 else 'have'} "
            f"no {track} score, such as '{lost[0]}', and the evaluation wants one of each: say by "
            "--missing as-real or --missing as-fake what they count as."
        )
    known = [assumed if math.isnan(value) else value for value in values]
    write_atomically(detection_submission(_names(scores, root), known), path)


def _names(scores: ScoreSet, root: str) -> list[str]:
    folder = root and root.rstrip("/") + "/"
    return [video.file.removeprefix(folder) for video in scores.videos]
