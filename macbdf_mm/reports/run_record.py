"""All that a report says of a run, gathered before it is written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.reports.scalars import LoggedCurves
from macbdf_mm.reports.test_result import TestResult


@dataclass(frozen=True)
class RunRecord:
    """What the report is made of; :func:`macbdf_mm.apis.find_run.read_run` fills it.

    Attributes:
        work_dir: The folder of the run.
        config: The config that the runner saved there.
        checkpoint: The checkpoint that predictions would use.
        meta: The checkpoint's own notes: epoch, seed, training data.
        curves: Losses and validation metrics.
        result: Scores of the tested clips.
        rows: Annotation rows of the tested split, by file.
        media_root: The folder that the files are relative to.
        dataset: Name of the data set.
        trained_methods: Under ``video`` and ``audio`` the operators that training saw.
        train_identities: Who is seen in the training split, where the annotation says so.
        num_train_clips: Clips of the training split.
        is_synthetic: Whether the data are rendered; None if nothing says so.
        versions: Python and the packages in use, name -> version.
    """

    work_dir: Path
    config: Path
    checkpoint: Path
    meta: Mapping[str, Any]
    curves: LoggedCurves
    result: TestResult
    rows: Mapping[str, ClipRow]
    media_root: Path
    dataset: str
    trained_methods: Mapping[str, Collection[str]]
    train_identities: Collection[str]
    num_train_clips: int
    is_synthetic: bool | None
    versions: Mapping[str, str]
