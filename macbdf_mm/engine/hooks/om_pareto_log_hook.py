"""Log how the conflict of gradients was settled."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner

from macbdf_mm.engine.optim.om_pareto import ParetoWeights
from macbdf_mm.engine.optim.om_pareto_optim_wrapper import OMParetoMixin
from macbdf_mm.registry import HOOKS

# Quantity -> attribute of the weights; the mean over the steps is logged.
MEANS = {
    "cos": "cos",
    "alpha_m": "alpha_m",
    "lambda": "lambda_orth",
    "norm_m": "norm_m",
    "norm_u": "norm_u",
    "norm_step": "norm_step",
    "conflict_share": "is_conflict",
    "dead_zone_share": "is_in_dead_zone",
}
NUM_STATIONARY = "num_stationary"
NUM_NON_FINITE = "num_non_finite"
QUANTITIES = (*MEANS, NUM_STATIONARY, NUM_NON_FINITE)


@HOOKS.register_module()
class OMParetoLogHook(Hook):
    """Writes ``om_pareto/<encoder>/<quantity>`` to every log line of training.

    So they stand in the console, the JSON log and every visualisation backend, TensorBoard for
    one. Each value covers the steps since the log line before; see
    :func:`summarise_steps` for the quantities.
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


def summarise_steps(steps: Sequence[Mapping[str, ParetoWeights]]) -> dict[str, float]:
    """Return what to log of some steps: ``encoder/quantity`` -> value.

    Means of the cosine, alpha, lambda and the norms of both gradients and of the combined one
    (before clipping); the share of steps in conflict, and of those in a conflict so small that
    they took the plain sum; the numbers of stationary steps and of those whose gradients were
    not finite, which the means leave out.

    Args:
        steps: For each step, encoder -> how its gradients were combined; at least one.
    """
    summary = {}
    for encoder in steps[0]:
        taken = [step[encoder] for step in steps]
        finite = [weights for weights in taken if math.isfinite(weights.cos)]
        for quantity, attribute in MEANS.items():
            values = [float(getattr(weights, attribute)) for weights in finite]
            summary[f"{encoder}/{quantity}"] = sum(values) / len(values) if values else math.nan
        stationary = sum(weights.is_stationary for weights in taken)
        summary[f"{encoder}/{NUM_STATIONARY}"] = float(stationary)
        summary[f"{encoder}/{NUM_NON_FINITE}"] = float(len(taken) - len(finite))
    return summary
