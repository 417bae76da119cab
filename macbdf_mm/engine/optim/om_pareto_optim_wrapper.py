"""The optimiser wrappers of OM-Pareto, in full and in mixed precision."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from macbdf_mm.engine.optim.encoders import FeatureLeaves, find_encoders, unwrap_model
from macbdf_mm.engine.optim.gradients import TwoGradients, average_over_ranks, read_together
from macbdf_mm.engine.optim.objectives import (
    ObjectiveRecorder,
    check_gradient,
    check_objectives,
    objective_values,
)
from macbdf_mm.engine.optim.om_pareto import DescentGuard, ParetoWeights
from macbdf_mm.engine.optim.weighing import make_weighing
from macbdf_mm.errors import ArgumentError
from macbdf_mm.registry import OPTIM_WRAPPERS

GRADIENTS = ("parameters", "features")
# A scale that halves each time is then far below any that could help.
MOST_SKIPPED_IN_A_ROW = 50


class OMParetoMixin(OptimWrapper):
    """Combines the gradients of a multimodal and a unimodal objective in a model's encoders.

    Two backward passes give both objectives' gradients at each encoder, which
    :func:`~macbdf_mm.engine.optim.om_pareto.om_pareto` combines into one (Eqs. 21-24), each
    encoder as one flat vector; every other parameter gets the plain sum. The model needs no
    change and no knowledge of this: its losses are taken from what ``forward`` returns for
    mode='loss', and added up by its own ``parse_losses``.

    The unimodal losses of all encoders are summed before the backward pass. What one modality's
    loss sends into another encoder, through an exchange between the modalities, so counts as
    unimodal there.

    In a distributed run the gradients of all parameters are averaged once an update, after
    both passes. The solver runs on the host: each update waits once for the device, for a few
    numbers.

    Args:
        unimodal_losses: Shell patterns of the names of unimodal losses; every other loss is
            multimodal.
        encoders: Name for the log -> dotted path of the module in the model.
        method: ``om_pareto``, or a peer to compare with: ``sum``, ``mgda``, ``pcgrad``,
            ``upgrad``, ``mmpareto``.
        lambda_0: Of ``om_pareto``: base strength of the orthogonal regularisation, Eq. 23.
        kappa: Of ``om_pareto``: its curvature over the cosine.
        descent_guard: Of ``om_pareto``: ``none`` as in the paper, or ``clamp``.
        dead_zone: Of ``om_pareto``: conflicts with |cos| up to here take the plain sum, and
            the paper's step comes in gradually up to twice as far; 0 as in the paper.
        normalised: Of ``om_pareto``: whether both gradients are weighed at unit length; False
            as in the paper.
        mmpareto_gamma: Of ``mmpareto``: its rescale factor.
        gradients: ``parameters`` is exact. ``features`` weighs the gradients at the encoders'
            outputs and runs backward through the encoders once: cheaper, an approximation, and
            weighed in every iteration even where gradients are accumulated over several.
        **kwargs: Arguments of the MMEngine wrapper, such as ``optimizer``, ``clip_grad`` and
            ``accumulative_counts``.

    Raises:
        ValueError: If a setting is out of its range.
        ConfigError: If an encoder or a loss is not in the model, or a package is missing.
        NonFiniteObjectiveError: If an objective or its gradient is not finite, and no gradient
            scaler is there to skip the step; or if a scaler had to skip 50 in a row for the
            objective.
    """

    def __init__(
        self,
        *,
        unimodal_losses: str | Sequence[str],
        encoders: Mapping[str, str],
        method: str = "om_pareto",
        lambda_0: float = 0.5,
        kappa: float = 5.0,
        descent_guard: DescentGuard = "none",
        dead_zone: float = 0.1,
        normalised: bool = False,
        mmpareto_gamma: float = 1.5,
        gradients: Literal["parameters", "features"] = "parameters",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if gradients not in GRADIENTS:
            raise ArgumentError(
                f"Expected `gradients` to be one of {GRADIENTS}, got {gradients!r}."
            )
        self.encoders = dict(encoders)
        self.gradients = gradients
        self._weigh = make_weighing(
            method,
            lambda_0=lambda_0,
            kappa=kappa,
            descent_guard=descent_guard,
            dead_zone=dead_zone,
            normalised=normalised,
            mmpareto_gamma=mmpareto_gamma,
        )
        self._inner_count: int
        self._bound: nn.Module | None = None
        self._model: BaseModel
        self._wrapper: DistributedDataParallel | None = None
        self._at_parameters: dict[str, TwoGradients] = {}
        self._at_features: FeatureLeaves | None = None
        self._objectives = ObjectiveRecorder(unimodal_losses)
        self._values: list[Tensor] = []
        self._solved: dict[str, ParetoWeights] = {}
        self._num_skipped_in_a_row = 0

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """As in MMEngine; also finds the encoders, so that a wrong name shows before training."""
        super().initialize_count_status(model, init_counts, max_counts)
        self._bind(model)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Take note of the losses of a forward pass, and keep its gradients local."""
        self._bind(model)
        with ExitStack() as stack:
            if self._wrapper is not None:
                stack.enter_context(self._wrapper.no_sync())
            if self._at_features is not None:
                stack.enter_context(self._at_features.cut())
            stack.enter_context(self._objectives.recording(self._model))
            stack.enter_context(super().optim_context(model))
            yield
        if self._wrapper is not None and self.should_sync():
            # no_sync also holds back the buffers that DistributedDataParallel would broadcast
            # before the next forward pass, if it was told to.
            self._wrapper.require_forward_param_sync = True

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict[str, Any] | None = None,
        zero_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Run both backward passes, and when an update is due, combine and take the step.

        Args:
            loss: The model's total loss, shape (); it must be the sum of both objectives.
            step_kwargs: Arguments of the optimiser's ``step``.
            zero_kwargs: Arguments of the optimiser's ``zero_grad``.
        """
        multimodal, unimodal = self._objectives.take()
        self._values.append(objective_values(multimodal, unimodal, loss))
        with ExitStack() as stack:
            for two_gradients in self._kept_apart().values():
                stack.enter_context(two_gradients.collect_unimodal())
            self._run_backward(unimodal, retain_graph=True)
        self._run_backward(multimodal)
        self._inner_count += 1
        if self._at_features is not None:
            self._combine_at_features(self._at_features)
        if self.should_update():
            if self._at_features is None:
                self._combine_at_parameters()
            elif self._wrapper is not None:
                self._average_sums(self._wrapper)
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def zero_grad(self, **kwargs: Any) -> None:
        """Drop the gradients of both objectives."""
        super().zero_grad(**kwargs)
        for two_gradients in self._at_parameters.values():
            two_gradients.forget()
        self._values.clear()

    def take_solved(self) -> dict[str, ParetoWeights]:
        """Return how each encoder's gradients were combined last, once; empty without news.

        Norms are those of the gradients themselves, without the scale of mixed precision.
        """
        solved, self._solved = self._solved, {}
        return solved

    @property
    def skips_non_finite(self) -> bool:
        """Whether a gradient scaler skips the steps whose gradients are not finite."""
        scaler = getattr(self, "loss_scaler", None)
        return scaler is not None and scaler.is_enabled()

    def _must_be_finite(self, values: Sequence[float]) -> bool:
        """Return whether to give up where one of the objectives is not finite.

        A gradient scaler skips such an update, which helps if the scale was too large, and goes
        on for ever if the model itself gives no numbers any more.
        """
        is_finite = all(map(math.isfinite, values))
        self._num_skipped_in_a_row = 0 if is_finite else self._num_skipped_in_a_row + 1
        return not self.skips_non_finite or self._num_skipped_in_a_row > MOST_SKIPPED_IN_A_ROW

    def _bind(self, model: nn.Module) -> None:
        if model is self._bound:
            return
        self._model, self._wrapper = unwrap_model(model)
        modules = find_encoders(self._model, self.encoders)
        if self.gradients == "features":
            self._at_features = FeatureLeaves(modules)
        else:
            self._at_parameters = {
                name: TwoGradients(module.parameters()) for name, module in modules.items()
            }
        self._bound = model

    def _kept_apart(self) -> dict[str, TwoGradients]:
        if self._at_features is None:
            return self._at_parameters
        self._at_features.check()
        return {name: two for name, two in self._at_features.gradients.items() if two.tensors}

    def _run_backward(self, objective: Tensor, retain_graph: bool = False) -> None:
        if not objective.requires_grad:
            # Such as a constant zero, where no clip of the batch has a label.
            return
        count = self._inner_count
        self.backward(self.scale_loss(objective), retain_graph=retain_graph)
        # Two backward passes are one iteration.
        self._inner_count = count

    def _combine_at_parameters(self) -> None:
        parameters = [each for each in self._model.parameters() if each.requires_grad]
        values = torch.stack(self._values)
        is_reached = values.new_ones(0)
        if self._wrapper is not None:
            kept = [u for two in self._at_parameters.values() for u in two.fill_missing()]
            is_reached = average_over_ranks(
                parameters, [*kept, values], self._wrapper.process_group
            )
        grams = [two.gram_numbers() for two in self._at_parameters.values()]
        reached = self._combine(self._at_parameters, torch.stack(grams), values, is_reached)
        _drop_unreached(parameters, reached)

    def _combine_at_features(self, leaves: FeatureLeaves) -> None:
        kept_apart = self._kept_apart()
        values = torch.stack(self._values)
        self._values.clear()
        if kept_apart:
            grams = torch.stack([two.gram_numbers() for two in kept_apart.values()])
            if self._wrapper is not None:
                group = self._wrapper.process_group
                num_ranks = dist.get_world_size(group)
                # Each rank holds other clips' features, whose share in the mean loss is 1/ranks.
                grams /= num_ranks**2
                dist.all_reduce(grams, group=group)
                values /= num_ranks
                dist.all_reduce(values, group=group)
            self._combine(kept_apart, grams, values, values.new_ones(0))
        leaves.backward()

    def _average_sums(self, wrapper: DistributedDataParallel) -> None:
        parameters = [each for each in self._model.parameters() if each.requires_grad]
        is_reached = average_over_ranks(parameters, [], wrapper.process_group)
        _drop_unreached(parameters, read_together(is_reached)[0])

    def _combine(
        self,
        kept_apart: Mapping[str, TwoGradients],
        grams: Tensor,
        values: Tensor,
        is_reached: Tensor,
    ) -> list[float]:
        """Weigh and combine each encoder's gradients; return ``is_reached`` as numbers.

        Args:
            kept_apart: Name -> both gradients of E encoders.
            grams: (E, 3), their Gram numbers.
            values: (N, 3), the objectives of the iterations since the last update.
            is_reached: (P,), passed through, so that all is read at once.
        """
        one = torch.ones((), device=grams.device)
        scaler = getattr(self, "loss_scaler", None)
        scale = one if scaler is None else scaler.scale(one)
        numbers, value_list, (loss_scale,), reached = read_together(
            grams, values, scale, is_reached
        )
        check_objectives(value_list, self._inner_count, self._must_be_finite(value_list))
        for index, (name, two_gradients) in enumerate(kept_apart.items()):
            squared_m, squared_u, dot = numbers[3 * index : 3 * index + 3]
            norm_m, norm_u = math.sqrt(squared_m), math.sqrt(squared_u)
            if not self.skips_non_finite:
                check_gradient(name, norm_m, norm_u, self._inner_count)
            weights = self._weigh(norm_m, norm_u, dot)
            two_gradients.combine(weights.weight_m, weights.weight_u)
            self._solved[name] = replace(
                weights, norm_m=norm_m / loss_scale, norm_u=norm_u / loss_scale
            )
        return reached


@OPTIM_WRAPPERS.register_module()
class OMParetoOptimWrapper(OMParetoMixin):
    """Trains in full precision with OM-Pareto; see :class:`OMParetoMixin` for the arguments.

    Example::

        optim_wrapper = dict(
            type="OMParetoOptimWrapper",
            optimizer=dict(type="AdamW", lr=1e-3),
            unimodal_losses=["loss_frame_*", "loss_intra_*"],
            encoders=dict(video="video_backbone.encoder", audio="audio_backbone.encoder"),
        )
    """


@OPTIM_WRAPPERS.register_module()
class OMParetoAmpOptimWrapper(OMParetoMixin, AmpOptimWrapper):
    """Trains in mixed precision with OM-Pareto, as :class:`OMParetoOptimWrapper` otherwise.

    Both objectives share one loss scale, which passes through the solver, since the step is
    homogeneous in the losses. A gradient that is not finite reaches ``.grad``, and the scaler
    skips the step, on all processes alike. ``loss_scale`` and ``dtype`` are those of MMEngine's
    ``AmpOptimWrapper``.
    """


def _drop_unreached(parameters: Sequence[nn.Parameter], is_reached: Sequence[float]) -> None:
    """Leave a parameter that no process reached without a gradient, as one process would."""
    for parameter, share in zip(parameters, is_reached, strict=False):
        if share == 0.0:
            parameter.grad = None
