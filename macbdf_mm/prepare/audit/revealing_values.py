"""The numbers of a property that tells real from fake, to be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.evaluation.functional import auc
from macbdf_mm.prepare.audit.file_check import FileCheck
from macbdf_mm.prepare.audit.shortcut_features import SHORTCUT_FEATURES
from macbdf_mm.prepare.audit.shortcut_probes import Question
from macbdf_mm.structures.labels import FAKE, REAL


@dataclass(frozen=True)
class RevealingValues:
    """One column of a property, real and fake clips apart.

    Attributes:
        feature: Name of the property.
        column: What the numbers are, with their unit.
        real: Of real clips, shape (N,), finite.
        fake: Of fake clips, shape (M,), finite.
    """

    feature: str
    column: str
    real: npt.NDArray[np.float64]
    fake: npt.NDArray[np.float64]


def revealing_values(
    rows: Sequence[ClipRow], checks: Mapping[str, FileCheck], feature: str, question: Question
) -> RevealingValues | None:
    """Return the column of a property whose order says most; None for one that is no number.

    Args:
        rows: The annotated clips.
        checks: The check of each file.
        feature: Name of the property.
        question: Which clips are meant.
    """
    known = {f.name: f for f in SHORTCUT_FEATURES if f.is_numeric}
    if feature not in known:
        return None
    answers = [(question.answer(row), checks[row.file].measures) for row in rows]
    pairs = [(label, m) for label, m in answers if label is not None and m is not None]
    labels = np.array([label for label, _ in pairs], np.int64)
    values = known[feature].values_of([measures for _, measures in pairs])
    columns = []
    for name, column in zip(known[feature].columns, values.T, strict=True):
        seen = np.isfinite(column)
        real, fake = (column[seen & (labels == kind)] for kind in (REAL, FAKE))
        if len(real) and len(fake):
            distance = abs(auc(labels[seen], column[seen]) - 0.5)
            columns.append((distance, RevealingValues(feature, name, real, fake)))
    return max(columns, key=lambda pair: pair[0], default=(0.0, None))[1]
