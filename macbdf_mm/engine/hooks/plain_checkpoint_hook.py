"""Checkpoints that a killed process cannot spoil, and that anyone can load safely."""

import difflib
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import Runner

from macbdf_mm.engine.atomic_backend import ATOMIC_BACKEND
from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.registry import HOOKS
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import remove_unfinished, write_atomically


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """Saves checkpoints as MMEngine's hook does, with six differences.

    - They hold tensors and plain values only and load under ``weights_only=True``.
    - They are written atomically, and an older one is deleted only when the newer one is there:
      a run killed at any moment can be resumed.
    - The checkpoint of an epoch is saved again after its validation, with what that wrote
      into the model, such as decision thresholds.
    - Averaged weights (``EMAHook``) come with the model's own buffers, as they were validated:
      MMEngine copies those before clusters and thresholds of the epoch are found. Unless they
      are averaged as well (``update_buffers=True``).
    - ``meta['training_data']`` says what the weights were trained on.
    - Whether a higher or a lower ``save_best`` is better is said in the table of metrics; ``rule``
      is for what is not in it.

    Args:
        backend_args: Where to write, by default the local disk with atomic writes.
        **kwargs: Arguments of MMEngine's ``CheckpointHook``; others are refused.
    """

    def __init__(self, *, backend_args: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(
            backend_args=backend_args or {"backend": ATOMIC_BACKEND},
            **{
                "greater_keys": [*self._default_greater_keys, *_metric_keys(higher_is_better=True)],
                "less_keys": [*self._default_less_keys, *_metric_keys(higher_is_better=False)],
                **kwargs,
            },
        )
        if self.args:
            # The base class would hand them to the saving function, epochs later.
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(self.args))}'"
            )
        self._num_saved = 0

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; what a killed run left half written is removed."""
        super().before_train(runner)
        if is_main_process() and Path(self.out_dir).is_dir():
            for path in remove_unfinished(self.out_dir):
                runner.logger.warning(f"Removed {path}, which a killed run left unfinished.")

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint plain and up to date, and note what it was trained on."""
        if any(isinstance(hook, EMAHook) and _keeps_buffers(hook) for hook in runner.hooks):
            weights = checkpoint["state_dict"]
            live = {k: v.cpu() for k, v in bare_model(runner).named_buffers() if k in weights}
            weights.update(live)
        meta = checkpoint["meta"]
        meta["training_data"] = _describe(meta.get("dataset_meta"))
        for name, content in checkpoint.items():
            if name == "message_hub":
                checkpoint[name] = plain_message_hub(content)
            elif name != "state_dict":  # tensors already, in a dict that carries versions
                checkpoint[name] = to_plain(content, name)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Save the best checkpoint, and the epoch's own once more."""
        num_saved = self._num_saved
        super().after_val_epoch(runner, metrics or {})
        step = runner.epoch if self.by_epoch else runner.iter
        is_of_this_step = self.last_ckpt is not None and (
            Path(self.last_ckpt).name == self.filename_tmpl.format(step)
        )
        if is_of_this_step and self._num_saved == num_saved:
            meta = {"epoch": runner.epoch, "iter": runner.iter}
            self._save_checkpoint_with_step(runner, step, meta)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = self._keep_step(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
        )
        self._num_saved += 1
        if is_main_process():
            write_atomically(str(self.last_ckpt), Path(runner.work_dir, "last_checkpoint"))
            for path in outdated:
                self._remove(path)

    def _keep_step(self, runner: Runner, step: int) -> list[str]:
        """Count a step among those to keep, and return the paths that have to go for it."""
        if self.max_keep_ckpts <= 0 or (self.keep_ckpt_ids and self.keep_ckpt_ids[-1] == step):
            return []
        num_outdated = len(self.keep_ckpt_ids) + 1 - self.max_keep_ckpts
        outdated = [self.keep_ckpt_ids.popleft() for _ in range(max(0, num_outdated))]
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        return [
            self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            for old in outdated
        ]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self.save_best:
            return
        missing = [key for key in self.key_indicators if key not in metrics and key != "auto"]
        if missing:
            near = difflib.get_close_matches(missing[0], metrics, n=1)
            raise ConfigError(
                f"`save_best` of the checkpoint hook names '{missing[0]}', which the validation "
                f"does not return{f'; did you mean {near[0]!r}' if near else ''}. The epoch's own "
                "checkpoint is saved: correct the name and go on with --resume."
            )
        # The base class deletes the old best first; hidden from it, it outlives the saving.
        old_paths = self._best_paths
        self._best_paths = {}
        super()._save_best_checkpoint(runner, metrics)
        new_paths = self._best_paths
        self._best_paths = {
            key: new_paths.get(key) or old_paths.get(key) for key in {**old_paths, **new_paths}
        }
        if is_main_process():
            for key, path in old_paths.items():
                if path and new_paths.get(key) not in (None, path):
                    self._remove(path)
                    runner.logger.info(f"The previous best checkpoint {path} is removed.")

    @property
    def _best_paths(self) -> dict[str, str | None]:
        if len(self.key_indicators) == 1:
            return {"": self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best_paths.setter
    def _best_paths(self, paths: Mapping[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths.get("")
        else:
            self.best_ckpt_path_dict = {key: paths.get(key) for key in self.key_indicators}

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)


def _keeps_buffers(hook: EMAHook) -> bool:
    """Return whether the averaged model's buffers are the model's own, at some time."""
    return not hook.ema_model.update_buffers


def _metric_keys(higher_is_better: bool) -> list[str]:
    return [
        metric.key(track)
        for metric in METRIC_TABLE.values()
        for track in TRACKS
        if metric.higher_is_better is higher_is_better
    ]


def _describe(dataset_meta: Mapping[str, Any] | None) -> dict[str, Any]:
    known = dataset_meta or {}
    return {key: known[key] for key in ("dataset", "synthetic") if key in known}


_PLAIN = (torch.Tensor, bool, int, float, complex, str, bytes)


def to_plain(value: Any, where: str = "value") -> Any:
    """Return a copy that ``torch.load(weights_only=True)`` reads.

    numpy scalars become Python numbers, numpy arrays lists, paths strings, and containers
    dicts and lists; tensors stay as they are.

    Args:
        value: What should be saved.
        where: Its name, for the error message.

    Raises:
        TypeError: If something in it is none of these.
    """
    if isinstance(value, np.generic):  # first: numpy's float64 is a Python float too
        return value.item()
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist(), where)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {
            to_plain(key, where): to_plain(item, f"{where}.{key}") for key, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(to_plain(item, f"{where}[{i}]") for i, item in enumerate(value))
    if isinstance(value, list | deque):
        return [to_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise TypeError(
        f"Expected only tensors and plain values in a checkpoint, got {type(value).__name__} "
        f"at '{where}'; what a hook or the model adds must load under weights_only=True."
    )


def plain_message_hub(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a message hub without its log curves.

    The curves are objects of MMEngine's, which ``weights_only=True`` refuses; they only smooth
    what is printed after a resume, and every value is in the log file.
    """
    info = to_plain(state["runtime_info"], "message_hub.runtime_info")
    resumed = {key: flag for key, flag in state["resumed_keys"].items() if key in info}
    return {"log_scalars": {}, "runtime_info": info, "resumed_keys": resumed}
