"""What the flags of the command line change in a config."""

from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict

from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.registry import OPTIM_WRAPPERS

_WRAPPER = "OptimWrapper"
# Arguments that MMEngine's AmpOptimWrapper has beside those of OptimWrapper.
_OF_MIXED_PRECISION = ("dtype", "loss_scale", "use_fsdp")


def set_work_dir(cfg: Config, config_path: str | Path, work_dir: str | None = None) -> Path:
    """Set and return the folder of a run: the flag's, the config's, or one after its name."""
    cfg.work_dir = work_dir or cfg.get("work_dir") or f"work_dirs/{Path(config_path).stem}"
    return Path(cfg.work_dir)


def set_resume(cfg: Config, resume: str | None) -> None:
    """Set where to go on: ``'auto'`` for the newest checkpoint of the work folder, or a path.

    With ``'auto'`` in a folder that has no checkpoint yet, the run starts from the beginning.

    Raises:
        MissingDataError: If the checkpoint does not exist.
    """
    if resume is None:
        return
    cfg.resume = True
    cfg.load_from = resume if resume != "auto" else last_checkpoint(cfg.work_dir)
    if cfg.load_from is not None and not Path(cfg.load_from).is_file():
        raise MissingDataError(f"Cannot resume: checkpoint '{cfg.load_from}' does not exist.")


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Return the checkpoint that a run saved last, None if it has none.

    Its path is noted as it was when it was written; if the folder has moved since, the file of
    the same name in it is meant.
    """
    note = Path(work_dir) / "last_checkpoint"
    if not note.is_file():
        return None
    noted = Path(note.read_text().strip())
    moved = Path(work_dir) / noted.name
    return str(moved if moved.is_file() else noted)


def set_seed(cfg: Config, seed: int | None, deterministic: bool) -> None:
    """Set the seed of the run, and whether only deterministic kernels may be used."""
    randomness = cfg.get("randomness") or {}
    if seed is not None:
        randomness["seed"] = seed
    if deterministic:
        randomness["deterministic"] = True
    cfg.randomness = randomness


def skip_validation(cfg: Config) -> None:
    """Remove the validation set, and what would wait for its figures."""
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if checkpoint_hook := (cfg.get("default_hooks") or {}).get("checkpoint"):
        checkpoint_hook["save_best"] = None


def scale_learning_rate(cfg: Config) -> None:
    """Scale the learning rate by the clips of an update: of all processes, and accumulated.

    Raises:
        ConfigError: If the config does not say for how many clips its rate is meant, or gradients
            are accumulated over a number of batches that does not divide them.
    """
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size")
    if not base:
        raise ConfigError(
            "--auto-scale-lr needs `auto_scale_lr = dict(base_batch_size=...)` in the config: "
            "the batch size for which its learning rate is meant."
        )
    num_batches = (cfg.get("optim_wrapper") or {}).get("accumulative_counts", 1)
    if base % num_batches:
        raise ConfigError(
            f"--auto-scale-lr: `auto_scale_lr.base_batch_size` {base} is no multiple of "
            f"`optim_wrapper.accumulative_counts` {num_batches}; change one of them."
        )
    # MMEngine compares it with the clips of one batch of all processes.
    cfg.auto_scale_lr.base_batch_size = base // num_batches
    cfg.auto_scale_lr.enable = True


def use_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision, with the AMP twin of the config's optimiser wrapper.

    Raises:
        ConfigError: If there is no GPU, or the wrapper has no twin.
    """
    if not torch.cuda.is_available():
        raise ConfigError("--amp needs a GPU, and none is visible here; leave the flag out.")
    wrapper = cfg.optim_wrapper
    wrapper["type"] = amp_twin(wrapper.get("type", "OptimWrapper"))
    wrapper.setdefault("loss_scale", "dynamic")


def use_full_precision(cfg: Config) -> bool:
    """Train in float32 if the config's optimiser wrapper is one of mixed precision.

    Returns:
        Whether it was.
    """
    wrapper = cfg.optim_wrapper
    kind = wrapper.get("type", _WRAPPER)
    scope, dot, name = (kind if isinstance(kind, str) else kind.__name__).rpartition(".")
    if name.endswith(f"Amp{_WRAPPER}"):
        full = name.removesuffix(f"Amp{_WRAPPER}") + _WRAPPER
    elif name.startswith("Amp"):
        full = name.removeprefix("Amp")
    else:
        return False
    for key in _OF_MIXED_PRECISION:
        wrapper.pop(key, None)
    wrapper["type"] = scope + dot + full
    return True


def amp_twin(wrapper_type: str | type) -> str:
    """Return the name of the mixed-precision twin of an optimiser wrapper.

    The twin of ``NameOptimWrapper`` is called ``NameAmpOptimWrapper``, that of any other name
    ``AmpName``, in the same scope; a twin is its own.

    Raises:
        ConfigError: If no such wrapper is registered.
    """
    full_name = wrapper_type if isinstance(wrapper_type, str) else wrapper_type.__name__
    scope, dot, name = full_name.rpartition(".")
    if name.startswith("Amp") or name.endswith(f"Amp{_WRAPPER}"):
        return full_name
    kind = name.removesuffix(_WRAPPER)
    twin = f"{scope}{dot}{kind}Amp{_WRAPPER}" if kind != name else f"{scope}{dot}Amp{name}"
    if OPTIM_WRAPPERS.get(twin) is None:
        raise ConfigError(
            f"--amp: the optimiser wrapper '{full_name}' has no twin '{twin}' for mixed "
            "precision; register one, or leave the flag out."
        )
    return twin


def metrics_of(evaluator: ConfigDict | list[ConfigDict]) -> list[ConfigDict]:
    """Return the metrics of an evaluator's config as a list."""
    return list(evaluator) if isinstance(evaluator, list | tuple) else [evaluator]
