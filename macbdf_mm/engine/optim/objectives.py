"""The values of the two objectives between two updates, and what they must satisfy."""

import math

import torch
from torch import Tensor

from macbdf_mm.errors import ConfigError, NonFiniteObjectiveError

OBJECTIVES = ("multimodal", "unimodal")
# The model's total may have been added up in half precision.
SUM_TOLERANCE = 1e-2
_NUM_VALUES = 3


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
