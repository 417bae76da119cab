"""What a training run left in its work folder: config, weights, and all that a report needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.evaluate_model import RESULTS_FILE
from macbdf_mm.apis.load_model import load_checkpoint, trained_on_synthetic
from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.evaluation.test_result import read_test_result
from macbdf_mm.reports.run_record import RunRecord, read_curves
from macbdf_mm.utils.environment import package_versions

DEMO_WORK_DIR = Path("work_dirs/macbdf_demo")


@dataclass(frozen=True)
class Run:
    """A config and the weights that were trained with it."""

    config: Path
    checkpoint: Path


def choose_run(config: str | Path | None, checkpoint: str | Path | None) -> Run:
    """Return the config and weights that a user means.

    Args:
        config: A config; None: the one saved beside the checkpoint.
        checkpoint: Trained weights; None: the best ones of the newest demo run.

    Raises:
        MissingDataError: If they are not there.
        ConfigError: If a config is given without weights.
    """
    if checkpoint is not None:
        folder = Path(checkpoint).parent
        return Run(Path(config) if config else find_config(folder), Path(checkpoint))
    if config is not None:
        raise ConfigError(f"Config '{config}' needs weights: name them with --checkpoint.")
    return find_run(DEMO_WORK_DIR)


def find_run(work_dir: str | Path) -> Run:
    """Return the config and the best checkpoint of a training run.

    The best checkpoint is the newest ``best_*.pth``; without one, the last that was saved.

    Args:
        work_dir: The folder that the run wrote to.

    Raises:
        MissingDataError: If the folder, a config or a checkpoint in it does not exist.
    """
    work_dir = Path(work_dir)
    if not work_dir.is_dir():
        raise MissingDataError(
            f"No training run at '{work_dir}': run `make demo` or tools/train.py first, or name "
            "a checkpoint."
        )
    checkpoints = _newest_first(work_dir, "best_*.pth") or _newest_first(work_dir, "*.pth")
    if not checkpoints:
        raise MissingDataError(f"The run at '{work_dir}' has saved no checkpoint yet.")
    return Run(find_config(work_dir), checkpoints[0])


def find_config(folder: str | Path) -> Path:
    """Return the newest config that MMEngine's runner saved in a work folder.

    Raises:
        MissingDataError: If there is none.
    """
    configs = _newest_first(Path(folder), "*.py")
    if not configs:
        raise MissingDataError(
            f"No config is saved in '{folder}'; name the one of the run with --config."
        )
    return configs[0]


def read_run(work_dir: str | Path) -> RunRecord:
    """Return all that a report says of a run that was trained and tested.

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
        versions=package_versions(),
    )


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)


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
