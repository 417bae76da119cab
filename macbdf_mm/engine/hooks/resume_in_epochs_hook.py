"""Resuming with epochs of another length."""

import warnings
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from macbdf_mm.registry import HOOKS

BATCHES_PER_EPOCH = "batches_per_epoch"


@HOOKS.register_module()
class ResumeInEpochsHook(Hook):
    """Lets a schedule go on at its epoch where epochs have another number of batches.

    That is so after a resume with another batch size, number of processes or training set. A
    checkpoint counts in iterations, and has the schedule in iterations of the old length; MMEngine
    would go on with both. Instead learning rate, schedulers and the count of iterations
    become those of a run that had the new length all along, and a warning says so.
    """

    # After hooks that change what was loaded.
    priority = "LOW"

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note the length of an epoch."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            checkpoint["meta"][BATCHES_PER_EPOCH] = len(runner.train_dataloader)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Change the state that is going to be resumed from."""
        if not runner._resume or not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        meta, length = checkpoint["meta"], len(runner.train_dataloader)
        epoch = meta["epoch"]
        old = meta.get(BATCHES_PER_EPOCH)
        if old is None and epoch and meta["iter"] % epoch == 0:  # Of an earlier version.
            old = meta["iter"] // epoch
        if not epoch or old in (None, length):
            return
        runner.logger.warning(
            f"The checkpoint was saved with {old} batches an epoch, and now an epoch has {length}: "
            "batch size, number of processes or training set are others. The schedule goes on in "
            f"epoch {epoch + 1} as if it had been {length} all along; the weights will not be "
            "those of a run without a break."
        )
        meta["iter"] = epoch * length
        schedulers = runner.param_schedulers
        if isinstance(schedulers, list) and isinstance(runner.optim_wrapper, OptimWrapper):
            _replay(schedulers, epoch, length)
            _take_over(schedulers, runner.optim_wrapper, checkpoint)


def _replay(schedulers: list[Any], num_epochs: int, length: int) -> None:
    """Step fresh schedulers through some epochs, as ``ParamSchedulerHook`` does."""
    with warnings.catch_warnings():
        # They find that the optimiser did not step in between.
        warnings.simplefilter("ignore", UserWarning)
        for _ in range(num_epochs):
            for _ in range(length):
                for scheduler in schedulers:
                    if not scheduler.by_epoch:
                        scheduler.step()
            for scheduler in schedulers:
                if scheduler.by_epoch and not _needs_metrics(scheduler):
                    scheduler.step()


def _take_over(
    schedulers: list[Any], optim_wrapper: OptimWrapper, checkpoint: dict[str, Any]
) -> None:
    """Put the state of schedulers, and what they have set in the optimiser, into a checkpoint."""
    stored = checkpoint.get("param_schedulers")
    if isinstance(stored, list) and len(stored) == len(schedulers):
        checkpoint["param_schedulers"] = [
            state if _needs_metrics(scheduler) else dict(scheduler.state_dict())
            for scheduler, state in zip(schedulers, stored, strict=True)
        ]
    set_names = {scheduler.param_name for scheduler in schedulers if not _needs_metrics(scheduler)}
    if "momentum" in set_names:
        set_names.add("betas")
    groups = checkpoint.get("optimizer", {}).get("param_groups", ())
    for old, new in zip(groups, optim_wrapper.optimizer.param_groups, strict=False):
        old.update({name: new[name] for name in set_names if name in new})


def _needs_metrics(scheduler: Any) -> bool:
    """Return whether a scheduler goes by what was measured, which cannot be replayed."""
    return bool(getattr(scheduler, "need_val_args", False))
