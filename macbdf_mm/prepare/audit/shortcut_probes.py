"""Which property of the files alone tells real from fake."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.evaluation.functional.detection import auc
from macbdf_mm.media.measure import MediaMeasures
from macbdf_mm.prepare.audit.check_files import FileCheck
from macbdf_mm.prepare.audit.grouped_auc import grouped_auc, grouped_folds
from macbdf_mm.prepare.audit.shortcut_features import SHORTCUT_FEATURES, ShortcutFeature, Values
from macbdf_mm.prepare.splits.clip_groups import group_clips
from macbdf_mm.structures.labels import FAKE, REAL

Verdict = Literal["leak", "suspicious", "none", "unknown"]

ALL_FEATURES = "all together"
PROBED_FEATURES = (*(feature.name for feature in SHORTCUT_FEATURES), ALL_FEATURES)
_FAKE_CATEGORIES = ("FVRA", "RVFA", "FVFA")
_REAL_CATEGORY = "RVRA"
LEAK_AUC = 0.9
SUSPICIOUS_AUC = 0.6
# With few groups the standard error comes out up to 1.4 times too small, and an audit has
# about a hundred probes: docs/decisions/0009-audit.md.
NUM_STANDARD_ERRORS = 4
# An AUC is then known to a hundredth; more would only take longer.
_MAX_CLIPS_OF_A_CLASS = 2500


@dataclass(frozen=True)
class Question:
    """The two groups of clips that a probe has to separate.

    Attributes:
        fakes: ``'fake'``: all fake clips against all real ones; or a category of fakes,
            against RVRA.
        split: Only clips of this part of the data set; None takes all.
    """

    fakes: str
    split: str | None = None

    def __str__(self) -> str:
        where = "" if self.split is None else f" in {self.split}"
        return ("real from fake" if self.fakes == "fake" else f"RVRA from {self.fakes}") + where

    def answer(self, row: ClipRow) -> int | None:
        """Return 1 for a fake, 0 for a real clip, None for one that it is not about."""
        if self.split not in (None, row.split):
            return None
        if self.fakes == "fake":
            return row.label if row.label in (REAL, FAKE) else None
        return {_REAL_CATEGORY: REAL, self.fakes: FAKE}.get(str(row.category))


@dataclass(frozen=True)
class ShortcutProbe:
    """The result of one property on one question.

    Attributes:
        feature: Name of the property, or ``'all together'``.
        question: What was to be told apart.
        auc: Cross-validated area under the ROC curve; 0.5 says nothing, NaN: not to be told.
        standard_error: Of the AUC, for other people and recordings; NaN as above.
        num_real: Real clips.
        num_fake: Fake clips.
    """

    feature: str
    question: Question
    auc: float
    standard_error: float
    num_real: int
    num_fake: int

    @property
    def verdict(self) -> Verdict:
        """``'leak'`` from an AUC of 0.9 on, ``'suspicious'`` from 0.6 on, if it is no chance.

        Chance is excluded where 0.5 is more than four standard errors below.
        """
        if math.isnan(self.auc):
            return "unknown"
        is_chance = self.auc - NUM_STANDARD_ERRORS * self.standard_error <= 0.5
        if is_chance or self.auc < SUSPICIOUS_AUC:
            return "none"
        return "leak" if self.auc >= LEAK_AUC else "suspicious"


def list_questions(rows: Sequence[ClipRow]) -> list[Question]:
    """Return what there is to ask: about all clips, each category of fakes, and each part."""
    splits = sorted({row.split for row in rows if row.split is not None})
    return [
        Question("fake"),
        *(Question(name) for name in _FAKE_CATEGORIES),
        *(Question("fake", split) for split in splits),
    ]


def probe_shortcuts(
    rows: Sequence[ClipRow],
    checks: Mapping[str, FileCheck],
    seed: int = 0,
    features: Sequence[ShortcutFeature] = SHORTCUT_FEATURES,
) -> Iterator[ShortcutProbe]:
    """Yield a probe for each question and property; also for all properties together.

    Classifiers are tested on people and recordings that they have not seen. Clips that cannot be
    read, or whose label is unknown, take no part. Of a class with more than 2,500 clips, as many
    are drawn at random.

    Args:
        rows: The annotated clips.
        checks: The check of each file.
        seed: Of the folds, and of the draw.
        features: The properties to try.
    """
    groups = np.array(group_clips(rows), dtype=np.int64)
    for question in list_questions(rows):
        chosen, labels = _choose(rows, checks, question, np.random.default_rng(seed))
        measures = [checks[rows[index].file].measures for index in chosen]
        found = [measure for measure in measures if measure is not None]
        yield from _probe(found, labels, groups[chosen], question, seed, features)


def worst_probe(probes: Sequence[ShortcutProbe]) -> ShortcutProbe | None:
    """Return the single property that tells most about all clips, None if none is known."""
    known = [
        probe
        for probe in probes
        if probe.question.split is None
        and probe.feature != ALL_FEATURES
        and not math.isnan(probe.auc)
    ]
    return max(known, key=lambda probe: probe.auc, default=None)


def revealing_values(
    rows: Sequence[ClipRow], checks: Mapping[str, FileCheck], feature: str, question: Question
) -> tuple[str, Values, Values] | None:
    """Return the column of a property whose order says most; None for one that is no number.

    Args:
        rows: The annotated clips.
        checks: The check of each file.
        feature: Name of the property.
        question: Which clips are meant.

    Returns:
        What the numbers are, with their unit; those of the real clips, shape (N,), finite; those
        of the fake ones, shape (M,), finite.
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
            columns.append((distance, (name, real, fake)))
    return max(columns, key=lambda pair: pair[0], default=(0.0, None))[1]


def _choose(
    rows: Sequence[ClipRow],
    checks: Mapping[str, FileCheck],
    question: Question,
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the indices of the clips that a question is about, and their labels."""
    members: dict[int, list[int]] = {REAL: [], FAKE: []}
    for index, row in enumerate(rows):
        label = question.answer(row)
        if label is not None and checks[row.file].measures is not None:
            members[label].append(index)
    drawn = {
        label: np.sort(generator.permutation(np.array(of_class, np.int64))[:_MAX_CLIPS_OF_A_CLASS])
        for label, of_class in members.items()
    }
    labels = np.repeat([REAL, FAKE], [len(drawn[REAL]), len(drawn[FAKE])])
    return np.concatenate([drawn[REAL], drawn[FAKE]]), labels.astype(np.int64)


def _probe(
    measures: Sequence[MediaMeasures],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    question: Question,
    seed: int,
    features: Sequence[ShortcutFeature],
) -> Iterator[ShortcutProbe]:
    counts = int((labels == REAL).sum()), int((labels == FAKE).sum())
    tables = {feature.name: feature.values_of(measures) for feature in features}
    tables[ALL_FEATURES] = np.concatenate(list(tables.values()), axis=1)
    folds = grouped_folds(labels, groups, seed)
    for name, values in tables.items():
        found = grouped_auc(values, labels, groups, folds)
        yield ShortcutProbe(name, question, found.auc, found.standard_error, *counts)
