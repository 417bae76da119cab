"""The two objectives of a model: its losses in groups, noted, added up and checked."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor, nn

from macbdf_mm.errors import ConfigError, NonFiniteObjectiveError

OBJECTIVES = ("multimodal", "unimodal")
# The model's total may have been added up in half precision.
SUM_TOLERANCE = 1e-2
_NUM_VALUES = 3

_Parse = Callable[[dict[str, Any]], tuple[Tensor, Any]]


@dataclass(frozen=True)
class LossGroups:
    """A model's losses, split by objective.

    Attributes:
        multimodal: Name -> loss, of all losses that no pattern matches.
        unimodal: Name -> loss, of those that a pattern matches.
        unmatched_patterns: The patterns that match none.
    """

    multimodal: Mapping[str, Any]
    unimodal: Mapping[str, Any]
    unmatched_patterns: Sequence[str]


def group_losses(losses: Mapping[str, Any], unimodal_patterns: Iterable[str]) -> LossGroups:
    """Return the losses of a model split into the two objectives.

    As in MMEngine, an entry is a loss if its name contains 'loss'; others, such as accuracies,
    are only logged, and belong to neither.

    Args:
        losses: What the model returned for mode='loss'.
        unimodal_patterns: Shell patterns of the names of unimodal losses, ``*`` for anything.

    Raises:
        ConfigError: If one of the objectives would have no loss.
    """
    patterns = tuple(unimodal_patterns)
    names = [name for name in losses if "loss" in name]
    unimodal = [name for name in names if any(fnmatchcase(name, each) for each in patterns)]
    multimodal = [name for name in names if name not in unimodal]
    if not unimodal:
        raise ConfigError(
            f"No loss of the model matches `unimodal_losses` {list(patterns)}, so there are no "
            f"two objectives to balance: it returned {', '.join(names) or 'none'}."
        )
    if not multimodal:
        raise ConfigError(
            f"Every loss of the model matches `unimodal_losses` {list(patterns)}, so there is no "
            f"multimodal objective: it returned {', '.join(names)}."
        )
    return LossGroups(
        multimodal={name: losses[name] for name in multimodal},
        unimodal={name: losses[name] for name in unimodal},
        unmatched_patterns=[
            each for each in patterns if not any(fnmatchcase(name, each) for name in names)
        ],
    )


class ObjectiveRecorder:
    """Notes the losses that a forward pass returns, and adds them up by objective.

    A hook on the bare model sees them before a distributed wrapper touches them, and the
    model's own ``parse_losses`` adds them up, whatever it does to them.

    Args:
        unimodal_losses: Shell patterns of the names of unimodal losses, or one of them.
    """

    def __init__(self, unimodal_losses: str | Sequence[str]) -> None:
        is_one = isinstance(unimodal_losses, str)
        self.patterns: list[str] = [*([unimodal_losses] if is_one else unimodal_losses)]
        self._losses: Mapping[str, Any] | None = None
        self._parse: _Parse | None = None
        self._warned: set[str] = set()

    @contextmanager
    def recording(self, model: BaseModel) -> Iterator[None]:
        """Note the losses of a forward pass inside the context."""
        self._losses, self._parse = None, model.parse_losses

        def keep(_module: nn.Module, _args: Any, kwargs: dict[str, Any], output: Any) -> None:
            if kwargs.get("mode") == "loss":
                self._losses = output

        handle = model.register_forward_hook(keep, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()

    def take(self) -> tuple[Tensor, Tensor]:
        """Return the multimodal and the unimodal objective of the last forward pass, once.

        Raises:
            ConfigError: If there was none since the last time, or an objective has no loss.
        """
        losses, self._losses = self._losses, None
        if losses is None or self._parse is None:
            raise ConfigError(
                "OM-Pareto found no losses: the model must be called with mode='loss' inside "
                "`optim_context`, as MMEngine's `train_step` does, once before each "
                "`update_params`."
            )
        groups = group_losses(losses, self.patterns)
        for pattern in groups.unmatched_patterns:
            self._warn_once(pattern)
        return self._parse(dict(groups.multimodal))[0], self._parse(dict(groups.unimodal))[0]

    def _warn_once(self, pattern: str) -> None:
        if pattern not in self._warned:
            self._warned.add(pattern)
            message = f"`unimodal_losses`: '{pattern}' matches none of the model's losses."
            print_log(message, logger="current", level=logging.WARNING)


def objective_values(multimodal: Tensor, unimodal: Tensor, total: Tensor) -> Tensor:
    """Return both objectives and the model's total loss, shape (3,), float32, detached."""
    return torch.stack([value.detach().float() for value in (multimodal, unimodal, total)])


def check_objectives(values: list[float], last_iteration: int, must_be_finite: bool) -> None:
    """Check what was read of the objectives of some consecutive iterations.

    Args:
        values: The numbers of :func:`objective_values`, iteration after iteration.
        last_iteration: Number of the last of them, from 1.
        must_be_finite: Whether nothing else would skip a step that is not finite.

    Raises:
        NonFiniteObjectiveError: If an objective is infinite or not a number.
        ConfigError: If the model's total loss is not the sum of the objectives.
    """
    first_iteration = last_iteration + 1 - len(values) // _NUM_VALUES
    for start in range(0, len(values), _NUM_VALUES):
        iteration = first_iteration + start // _NUM_VALUES
        *objectives, total = values[start : start + _NUM_VALUES]
        for name, value in zip(OBJECTIVES, objectives, strict=True):
            if must_be_finite and not math.isfinite(value):
                raise NonFiniteObjectiveError(
                    f"The {name} objective is {value} at iteration {iteration}: lower the "
                    "learning rate, clip the gradients, or look for bad input in that batch."
                )
        _check_sum(objectives, total, iteration)


def check_gradient(encoder: str, norm_m: float, norm_u: float, iteration: int) -> None:
    """Raise a NonFiniteObjectiveError if one of an encoder's two gradients is not finite."""
    for name, norm in zip(OBJECTIVES, (norm_m, norm_u), strict=True):
        if not math.isfinite(norm):
            raise NonFiniteObjectiveError(
                f"The gradient of the {name} objective has the norm {norm} in encoder "
                f"'{encoder}' at iteration {iteration}: lower the learning rate, or look for an "
                "operation whose derivative is not finite there."
            )


def _check_sum(objectives: list[float], total: float, iteration: int) -> None:
    numbers = [*objectives, total]
    tolerance = SUM_TOLERANCE * sum(abs(value) for value in numbers)
    if all(map(math.isfinite, numbers)) and abs(sum(objectives) - total) > tolerance:
        raise ConfigError(
            f"The multimodal ({objectives[0]:.6g}) and the unimodal ({objectives[1]:.6g}) "
            f"objective do not add up to the model's loss ({total:.6g}) at iteration {iteration}: "
            "its `parse_losses` must add the losses that `forward` returned."
        )
