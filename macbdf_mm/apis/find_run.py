"""What a training run left in its work folder: config, weights, and all that a report needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.command_line import load_config, require_mmcv
from macbdf_mm.apis.evaluate_model import SCORES_FILE
from macbdf_mm.apis.load_model import load_checkpoint, trained_on_synthetic
from macbdf_mm.apis.plain_config import is_plain_config, read_plain_config
from macbdf_mm.apis.release import CONFIG, WEIGHTS, check_release, is_release
from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.reports.run_record import RunRecord, read_curves
from macbdf_mm.utils.environment import package_versions

DEMO_WORK_DIR = Path("work_dirs/macbdf_demo")


@dataclass(frozen=True)
class Run:
    """Weights and the config that they were trained with.

    Attributes:
        checkpoint: The weights.
        config: A file with the config; None where that inside of the checkpoint is meant.
        is_named: Whether the user has named the config, so that it may be run as code.
    """

    checkpoint: Path
    config: Path | None
    is_named: bool = False

    def read_config(self, *, allow_pickle: bool = False) -> Config:
        """Return the config; one that nobody has named is read as data, and nothing of it is run.

        Args:
            allow_pickle: As :func:`load_checkpoint` takes it.

        Raises:
            MissingDataError: If there is none.
            ConfigError: If it cannot be read, or is code that nobody has named.
        """
        if self.config is not None and self.is_named:
            return load_config(self.config)
        require_mmcv()
        if self.config is not None:
            return read_plain_config(self.config.read_text(encoding="utf-8"), str(self.config))
        meta = load_checkpoint(self.checkpoint, allow_pickle=allow_pickle).get("meta")
        text = meta.get("cfg") if isinstance(meta, Mapping) else None
        if not isinstance(text, str):
            raise MissingDataError(
                f"No config is saved in checkpoint '{self.checkpoint}' or as plain values beside "
                "it; name the one of the run with --config."
            )
        return read_plain_config(text, str(self.checkpoint))


def choose_run(config: str | Path | None, checkpoint: str | Path | None) -> Run:
    """Return the config and weights that a user means.

    Args:
        config: A config; None: the one saved beside the checkpoint, or in it.
        checkpoint: Trained weights, or a release folder; None: the best ones of the newest demo
            run.

    Raises:
        MissingDataError: If they are not there.
        CheckpointMismatchError: If a file of a release is not as it was written.
        ConfigError: If a config is given without weights.
    """
    if config is not None and checkpoint is None and is_release(config):
        config, checkpoint = None, config
    if checkpoint is not None and is_release(checkpoint):
        check_release(checkpoint)
        folder, checkpoint = Path(checkpoint), Path(checkpoint) / WEIGHTS
        if config is None:
            return Run(checkpoint, folder / CONFIG)
    if checkpoint is not None:
        if config:
            return Run(Path(checkpoint), Path(config), is_named=True)
        return Run(Path(checkpoint), find_config(Path(checkpoint).parent))
    if config is not None:
        raise ConfigError(f"Config '{config}' needs weights: name them with --checkpoint.")
    return find_run(DEMO_WORK_DIR)


def named_run(name: str | Path | None, config: str | Path | None = None) -> Run:
    """Return the run that a user names by one word.

    Args:
        name: The folder of a training run, whose best weights are taken; a release folder; or a
            checkpoint. None: the newest demo run.
        config: A config, as :func:`choose_run` takes it.

    Raises:
        MissingDataError: If it is not there.
        CheckpointMismatchError: If a file of a release is not as it was written.
    """
    if name is not None and Path(name).is_dir() and not is_release(name):
        run = find_run(name)
        return run if config is None else choose_run(config, run.checkpoint)
    return choose_run(config, name)


def find_run(work_dir: str | Path) -> Run:
    """Return the best checkpoint of a training run, and its config.

    The best checkpoint is the newest ``best_*.pth``; without one, the last that was saved.

    Args:
        work_dir: The folder that the run wrote to.

    Raises:
        MissingDataError: If the folder or a checkpoint in it does not exist.
    """
    work_dir = Path(work_dir)
    if not work_dir.is_dir():
        raise MissingDataError(
            f"No training run at '{work_dir}': run `make demo` or `macbdf train` first, or name "
            "a checkpoint."
        )
    checkpoints = _newest_first(work_dir, "best_*.pth") or _newest_first(work_dir, "*.pth")
    if not checkpoints:
        raise MissingDataError(f"The run at '{work_dir}' has saved no checkpoint yet.")
    return Run(checkpoints[0], find_config(work_dir))


def find_config(folder: str | Path) -> Path | None:
    """Return the newest config that MMEngine's runner saved in a work folder, None without one.

    The runner saves plain values; files that hold anything else are passed over.
    """
    return next(filter(is_plain_config, _newest_first(Path(folder), "*.py")), None)


def read_run(work_dir: str | Path) -> RunRecord:
    """Return all that a report says of a run that was trained and tested.

    Args:
        work_dir: The folder of the run: config, checkpoints, logs and ``test_scores.jsonl``.

    Raises:
        MissingDataError: If one of them is missing.
        ConfigError: If the config does not say where the annotation is.
    """
    work_dir = Path(work_dir)
    run = find_run(work_dir)
    if run.config is None:
        raise MissingDataError(f"The run at '{work_dir}' has saved no config as plain values.")
    checkpoint = load_checkpoint(run.checkpoint)
    scores = read_scores(work_dir / SCORES_FILE)
    dataset = _test_dataset(run.read_config(), run.config)
    root = Path(dataset.get("data_root") or "")
    annotation = load_annotation(root / dataset["ann_file"])
    tested = {video.file for video in scores.videos}
    return RunRecord(
        work_dir=work_dir,
        config=run.config,
        checkpoint=run.checkpoint,
        meta=checkpoint.get("meta", {}),
        curves=read_curves(work_dir),
        scores=scores,
        rows={row.file: row for row in annotation.rows if row.file in tested},
        media_root=root / _media_prefix(dataset),
        dataset=str(annotation.metainfo["dataset"]),
        train_rows=[row for row in annotation.rows if row.split == "train"],
        is_synthetic=trained_on_synthetic(checkpoint),
        versions=package_versions(),
    )


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)


def _test_dataset(cfg: Config, config: Path) -> Mapping[str, Any]:
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
