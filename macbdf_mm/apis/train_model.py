"""Train the model of a config."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner
from torch import nn

from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.apis.check_resumable import check_resumable
from macbdf_mm.apis.check_settings import check_settings
from macbdf_mm.apis.evaluate_model import refuse_nothing_to_score
from macbdf_mm.apis.load_model import check_finite, load_checkpoint, load_weights
from macbdf_mm.apis.refuse_leaks import refuse_leaks
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.engine.distributed import leave_cores_to_workers, read_rank_environment
from macbdf_mm.engine.hooks import ContrastiveStateHook
from macbdf_mm.engine.unwrap import bare_model, nested_datasets
from macbdf_mm.errors import CheckpointMismatchError, ConfigError, MissingDataError
from macbdf_mm.registry import SCOPE
from macbdf_mm.utils.files import folder_lock

# Read by torch.load; MMEngine's loader has no argument for it.
_UNSAFE_LOADING = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_NEEDED = ("model", "train_dataloader", "train_cfg", "optim_wrapper")


def train_model(cfg: Config, *, allow_pickle: bool = False) -> nn.Module:
    """Return the trained model of a config, without a distributed wrapper.

    Args:
        cfg: Config of the run, with its ``work_dir``. With ``resume`` the run goes on from
            ``load_from``, which must fit the model exactly.
        allow_pickle: Load checkpoints that hold more than weights, which can run any code.

    Raises:
        ConfigError: If another run writes into the same folder.
        ConfigError: If the config lacks what training needs, makes no iteration, or validates or
            tests on recordings that it trains on.
        CheckpointMismatchError: If the checkpoint belongs to another model.
        MissingDataError: If weights that a part of the model begins from are not there.
    """
    missing = [key for key in _NEEDED if cfg.get(key) is None]
    if missing:
        raise ConfigError(f"Config '{cfg.filename}' has no `{missing[0]}`, so it cannot train.")
    check_settings(cfg)  # Before any of it is used here; the runner asks again.
    check_initial_weights(cfg.model)
    if allow_pickle:
        os.environ[_UNSAFE_LOADING] = "1"
    refuse_leaks(cfg)
    leave_cores_to_workers(cfg.train_dataloader.get("num_workers", 0))
    with _own_folder(cfg):
        runner = build_runner(cfg)
        _check_hooks(runner)
        _check_iterations(runner, cfg)
        if cfg.get("val_dataloader") is not None:
            refuse_nothing_to_score(runner.val_loop.dataloader, "val_dataloader")
        name_apart(nested_datasets(runner.train_dataloader.dataset))
        if cfg.get("load_from") is not None:
            _check_start(runner, cfg, allow_pickle)
        runner.train()
    return bare_model(runner)


def check_initial_weights(model: Mapping[str, Any], place: str = "model") -> None:
    """Return if the files are there from which parts of a model begin, by ``init_cfg``.

    Args:
        model: Config of the model, or of a part of it.
        place: Its key in the config.

    Raises:
        MissingDataError: If one is not there.
    """
    start = model.get("init_cfg")
    checkpoint = start.get("checkpoint") if isinstance(start, Mapping) else None
    # Others are addresses, which MMEngine downloads.
    path = Path(checkpoint) if isinstance(checkpoint, str) and "://" not in checkpoint else None
    if path is not None and not path.expanduser().is_file():
        raise MissingDataError(
            f"`{place}` begins from the weights '{checkpoint}' (`init_cfg`), which do not exist: "
            f"fetch them and name the file with --cfg-options {place}.init_cfg.checkpoint=FILE, or "
            f"train without with {place}.init_cfg=None."
        )
    for name, part in model.items():
        for number, one in enumerate(part) if isinstance(part, list | tuple) else [("", part)]:
            if isinstance(one, Mapping) and name != "init_cfg":
                check_initial_weights(one, ".".join(filter(None, [place, name, str(number)])))


def name_apart(datasets: Iterable[Any]) -> None:
    """Set prefixes by which clips of different data folders with the same name differ.

    They go by the order of the folders, not by where these lie: the first has none, so training on
    one folder gives the same weights wherever it is.
    """
    prefixes: dict[str, str] = {}
    for dataset in datasets:
        if hasattr(dataset, "name_prefix"):
            folder = os.path.realpath(dataset.data_prefix.get("file") or ".")
            prefix = f"{len(prefixes)}:" if prefixes else ""
            dataset.name_prefix = prefixes.setdefault(folder, prefix)


@contextmanager
def _own_folder(cfg: Config) -> Iterator[None]:
    """Hold the work folder, so that no other run writes into it meanwhile.

    Raises:
        ConfigError: If another run does.
    """
    launcher = cfg.get("launcher") or "none"
    is_first = launcher == "none" or read_rank_environment(launcher, os.environ)["RANK"] == "0"
    if not is_first or cfg.get("work_dir") is None:
        yield
        return
    refusal = (
        f"Another run writes into '{cfg.work_dir}': wait for it, or name another folder with "
        "--work-dir (`work_dir`)."
    )
    with folder_lock(Path(cfg.work_dir), refusal) as lock:
        try:
            yield
        finally:
            # Loading workers that are still about to end have inherited it.
            fcntl.flock(lock, fcntl.LOCK_UN)


def rank_line(model: nn.Module) -> str:
    """Return the line in which a process reports the digest of its weights."""
    return f"rank {get_rank()}: weights sha256 {weight_digest(model)}"


def _check_hooks(runner: Runner) -> None:
    """Raise ConfigError for a neck with queues that no hook fills, or that one fills twice."""
    own = [type(hook) for hook in runner.hooks if type(hook).__module__.startswith(f"{SCOPE}.")]
    if repeated := [kind.__name__ for kind, number in Counter(own).items() if number > 1]:
        raise ConfigError(
            f"The hook {repeated[0]} is there more than once: it stands in `default_hooks`, which "
            "the base config sets, so remove it from `custom_hooks`."
        )
    has_state = any(hasattr(module, "fit_clusters") for module in bare_model(runner).children())
    if has_state and not any(isinstance(hook, ContrastiveStateHook) for hook in runner.hooks):
        raise ConfigError(
            "The model's neck has queues and clusters, which a ContrastiveStateHook has to move, "
            "and the config has none: add contrastive_state=dict(type='ContrastiveStateHook') to "
            "`default_hooks`."
        )


def _check_iterations(runner: Runner, cfg: Config) -> None:
    """Raise ConfigError for a run that ends well without an iteration, or whose epochs have none.

    MMEngine's schedulers fail on such epochs with an assertion, or train nothing.
    """
    loop = runner.train_loop
    loader = runner.train_dataloader
    # An infinite sampler has a length all the same, that of the data set.
    if isinstance(getattr(loader, "sampler", None), InfiniteSampler):
        is_empty = len(loader.dataset) == 0
    else:
        is_empty = hasattr(loader.dataset, "__len__") and len(loader) == 0
    if is_empty:
        world_size = get_world_size()
        ranks = f", shared by {world_size} processes" if world_size > 1 else ""
        raise ConfigError(
            f"`train_dataloader` makes no batch: expected at least `batch_size` "
            f"{cfg.train_dataloader.get('batch_size')} clips for each process, since `drop_last` "
            f"is set, got {len(loader.dataset)} clips{ranks}; lower "
            "`train_dataloader.batch_size`, or set `train_dataloader.drop_last=False`."
        )
    if loop.max_iters < 1:
        name = "max_epochs" if cfg.train_cfg.get("by_epoch", True) else "max_iters"
        raise ConfigError(f"Expected `train_cfg.{name}` > 0, got {cfg.train_cfg.get(name)}.")


def _check_start(runner: Runner, cfg: Config, allow_pickle: bool) -> None:
    path = cfg.load_from
    checkpoint = load_checkpoint(path, allow_pickle=allow_pickle)
    weights = checkpoint["state_dict"]
    model = bare_model(runner)
    check_finite(weights, str(path))
    if cfg.get("resume"):
        load_weights(model, weights, path)
        check_resumable(checkpoint, runner, cfg)
    elif not _share_a_weight(model.state_dict(), weights):
        # MMEngine would list the names as missing, and train from scratch.
        raise CheckpointMismatchError(
            f"Checkpoint '{path}' has no weight of the model: none of its {len(weights)} names "
            "and shapes fits, so it belongs to another model than the config."
        )


def _share_a_weight(own: Mapping[str, object], weights: Mapping[str, object]) -> bool:
    return any(
        getattr(weights.get(name), "shape", None) == getattr(value, "shape", ())
        for name, value in own.items()
    )
