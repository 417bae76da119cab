"""Log how the conflict of gradients was settled."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner

from macbdf_mm.engine.optim.om_pareto import ParetoWeights
from macbdf_mm.engine.optim.om_pareto_mixin import OMParetoMixin
from macbdf_mm.engine.optim.step_summary import NUM_NON_FINITE, summarise_steps
from macbdf_mm.registry import HOOKS


@HOOKS.register_module()
class OMParetoLogHook(Hook):
    """Writes ``om_pareto/<encoder>/<quantity>`` to every log line of training.

    So they stand in the console, the JSON log and every visualisation backend, TensorBoard for
    one. Each value covers the steps since the log line before; see
    :func:`~macbdf_mm.engine.optim.step_summary.summarise_steps` for the quantities.
    With another optimiser wrapper there is nothing to log, and the hook says so once.
    """

    # Before the hook that writes the log lines.
    priority = "NORMAL"

    def __init__(self) -> None:
        self._interval = 1
        self._steps: list[Mapping[str, ParetoWeights]] = []

    def before_train(self, runner: Runner) -> None:
        """Find out how often log lines are written."""
        self._steps.clear()
        self._interval = next(
            (hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), 1
        )
        if not isinstance(runner.optim_wrapper, OMParetoMixin):
            runner.logger.info(
                f"OMParetoLogHook: {type(runner.optim_wrapper).__name__} has no conflict to log."
            )

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Update the values that the next log line will show."""
        if not isinstance(runner.optim_wrapper, OMParetoMixin):
            return
        # Empty where gradients are only accumulated.
        if solved := runner.optim_wrapper.take_solved():
            self._steps.append(solved)
            for name, value in summarise_steps(self._steps).items():
                # Without a scaler a step that is not finite is an error, so there are none.
                if runner.optim_wrapper.skips_non_finite or not name.endswith(NUM_NON_FINITE):
                    runner.message_hub.update_scalar(f"train/om_pareto/{name}", value)
        is_last = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if is_last or self.every_n_inner_iters(batch_idx, self._interval):
            self._steps.clear()
