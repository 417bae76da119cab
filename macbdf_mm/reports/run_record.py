"""All that a work folder holds about a run, read in one place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.environment import package_versions
from macbdf_mm.apis.evaluate_model import RESULTS_FILE
from macbdf_mm.apis.find_run import find_run
from macbdf_mm.apis.load_model import load_checkpoint, trained_on_synthetic
from macbdf_mm.datasets.annotation import ClipRow, load_annotation
from macbdf_mm.errors import ConfigError
from macbdf_mm.reports.scalars import LoggedCurves, read_curves
from macbdf_mm.reports.test_result import TestResult, read_test_result


@dataclass(frozen=True)
class RunRecord:
    """What the report is made of.

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

    @property
    def versions(self) -> Sequence[tuple[str, str]]:
        """Names and versions of Python and the packages in use now."""
        return list(package_versions().items())


def read_run(work_dir: str | Path) -> RunRecord:
    """Return the record of a run that was trained and tested.

    Args:
        work_dir: The folder of the run: config, checkpoints, logs and ``test_scores.json``.

    Raises:
        MissingDataError: If one of them is missing.
        ConfigError: If the config does not say where the annotation is.
    """
    work_dir = Path(work_dir)
    run = find_run(work_dir)
    checkpoint = load_checkpoint(run.checkpoint)
    result = read_test_result(work_dir / RESULTS_FILE)
    dataset = _test_dataset(run.config)
    root = Path(dataset.get("data_root") or "")
    annotation = load_annotation(root / dataset["ann_file"])
    tested = {video.file for video in result.videos} | set(result.unscored)
    train_rows = [row for row in annotation.rows if row.split == "train"]
    return RunRecord(
        work_dir=work_dir,
        config=run.config,
        checkpoint=run.checkpoint,
        meta=checkpoint.get("meta", {}),
        curves=read_curves(work_dir),
        result=result,
        rows={row.file: row for row in annotation.rows if row.file in tested},
        media_root=root / _media_prefix(dataset),
        dataset=str(annotation.metainfo["dataset"]),
        trained_methods={
            track: {str(row.extra.get(f"{track}_method")) for row in train_rows}
            for track in ("video", "audio")
        },
        train_identities={row.identity for row in train_rows if row.identity is not None},
        num_train_clips=len(train_rows),
        is_synthetic=trained_on_synthetic(checkpoint),
    )


def _test_dataset(config: Path) -> Mapping[str, Any]:
    cfg = Config.fromfile(str(config))
    try:
        dataset: Mapping[str, Any] = cfg.test_dataloader.dataset
    except AttributeError:
        dataset = {}
    if "ann_file" not in dataset:
        raise ConfigError(f"Config '{config}' has no `test_dataloader.dataset.ann_file`.")
    return dataset


def _media_prefix(dataset: Mapping[str, Any]) -> str:
    prefix = dataset.get("data_prefix") or {}
    return next(iter(prefix.values()), "") if isinstance(prefix, Mapping) else str(prefix)
