"""The files in which public evaluations take predictions.

Localisation is one JSON object: the name of each file, and a list of its proposals, each a list
``[score, start, end]``, best first. AV-Deepfake1M and AV-Deepfake1M++ take seconds, LAV-DF frames
at 25 per second. Detection is a text of lines ``file;score``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.functional.localisation.segments import Segments


@dataclass(frozen=True)
class SubmissionLayout:
    """How an evaluation takes proposals.

    Attributes:
        units_per_second: What times are multiplied by.
        max_proposals: So many of a file are written at most.
        min_proposals: So many are written at least: the evaluation fails on a file with fewer.
            Those that are added are empty intervals of score 0, which change no figure.
    """

    units_per_second: float
    max_proposals: int
    min_proposals: int


LAYOUTS = {
    # Its recall reads the hundredth row of every file.
    "lavdf": SubmissionLayout(units_per_second=25.0, max_proposals=100, min_proposals=100),
    "avdeepfake1m": SubmissionLayout(units_per_second=1.0, max_proposals=100, min_proposals=1),
}
"""The layouts by data set; that of AV-Deepfake1M is also that of AV-Deepfake1M++."""


def localisation_submission(
    files: Sequence[str], proposals: Segments, layout: str
) -> dict[str, list[list[float]]]:
    """Return the content of a localisation file, to be written as JSON.

    Args:
        files: The name of each file as in the metadata of the data set, F of them.
        proposals: Of the same files.
        layout: Name in :data:`LAYOUTS`.

    Raises:
        ValueError: If there is no such layout, or names are repeated or not of the F files.
    """
    if layout not in LAYOUTS:
        raise ArgumentError(f"Expected `layout` in {sorted(LAYOUTS)}, got {layout!r}.")
    _check_names(files, proposals.num_files)
    wanted = LAYOUTS[layout]
    content = {}
    for file, rows in zip(files, proposals.by_score().to_rows(), strict=True):
        kept = rows[: wanted.max_proposals]
        times = kept[:, :2] * wanted.units_per_second
        table = np.column_stack([kept[:, 2], times])
        missing = max(wanted.min_proposals - len(table), 0)
        content[file] = np.vstack([table, np.zeros((missing, 3))]).tolist()
    return content


def read_localisation_submission(
    content: dict[str, Any], files: Sequence[str], layout: str
) -> Segments:
    """Return the proposals of a localisation file, in the order in which it has them.

    Args:
        content: The JSON object.
        files: The names that are wanted, in their order.
        layout: Name in :data:`LAYOUTS`.

    Raises:
        ValueError: If a file is missing, or its rows are not of score, start and end.
    """
    if layout not in LAYOUTS:
        raise ArgumentError(f"Expected `layout` in {sorted(LAYOUTS)}, got {layout!r}.")
    if missing := [file for file in files if file not in content]:
        raise ArgumentError(
            f"Expected proposals of each file, got none of {missing[0]!r} ({len(missing)} of "
            f"{len(files)} are missing)."
        )
    rows = []
    for file in files:
        array = np.asarray(content[file], dtype=np.float64).reshape(-1, 3)
        rows.append(array[:, [1, 2, 0]] / [*[LAYOUTS[layout].units_per_second] * 2, 1.0])
    return Segments.from_files(rows)


def detection_submission(files: Sequence[str], scores: Any) -> str:
    """Return the content of a detection file: a line ``file;score`` for each file.

    Args:
        files: The name of each file as in the metadata of the data set, F of them.
        scores: P(fake), shape (F,).

    Raises:
        ValueError: If names are repeated, hold a semicolon or a line break, or are not of the F
            files, or a score is NaN.
    """
    values = np.asarray(scores, dtype=np.float64)
    _check_names(files, values.size)
    for file, score in zip(files, values, strict=True):
        if set(file) & set(";\r\n"):
            raise ArgumentError(f"Expected names without ';' and line breaks, got {file!r}.")
        if np.isnan(score):
            raise ArgumentError(f"Expected a score of each file, got NaN of {file!r}.")
    return "".join(f"{file};{score:.9g}\n" for file, score in zip(files, values, strict=True))


def _check_names(files: Sequence[str], num_files: int) -> None:
    if len(files) != num_files:
        raise ArgumentError(f"Expected `files` of {num_files} files, got {len(files)} names.")
    if len(set(files)) < len(files):
        double = Counter(files).most_common(1)[0][0]
        raise ArgumentError(f"Expected `files` with names of their own, got {double!r} twice.")
