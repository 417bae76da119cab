"""Where a training run left its config and its weights."""

from dataclasses import dataclass
from pathlib import Path

from macbdf_mm.errors import ConfigError, MissingDataError

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


def _newest_first(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
