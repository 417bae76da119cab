"""Weight decay for matrices and kernels alone."""

from collections.abc import Mapping
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from macbdf_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MatrixDecayConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor of optimiser wrappers, without weight decay of what is no matrix.

    Weight decay is for weights that multiply an input. It is 0 for parameters with fewer than two
    dimensions (biases, norms, scalars such as lambda of Eqs. 12 and 14, beta of Eq. 3 and gamma of
    Eq. 10), for those of ``nn.Embedding``, and for those that a module names in a method
    ``no_weight_decay``, as in timm. MMEngine's own rules go by the kind and the name of a module:
    they miss a scalar that is a module's own, and a ``lr_mult`` for a part of the model turns them
    off for that part.

    ``paramwise_cfg`` is read as usual; a key of its ``custom_keys`` with a ``decay_mult`` has the
    last word. Parameters with equal settings form one group: the optimiser moves a whole group at
    once, and MMEngine would make a group of each parameter.

    Args:
        optim_wrapper_cfg: Config of the optimiser wrapper.
        paramwise_cfg: MMEngine's settings for single parameters.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: Mapping[str, Any] | None = None
    ) -> None:
        # Without any setting, here one that changes nothing, MMEngine makes no groups at all.
        super().__init__(optim_wrapper_cfg, {"bypass_duplicate": False, **(paramwise_cfg or {})})

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Add a module's parameters to ``params``; arguments as of MMEngine's."""
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:  # A part of the model: MMEngine calls this method for each.
            return
        undecayed = _named_by_modules(module)
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for settings in params:
            (parameter,) = settings.pop("params")
            is_flat = parameter.dim() < 2 or id(parameter) in undecayed
            if is_flat and "decay_mult" not in settings:
                settings["weight_decay"] = 0.0
            alike = groups.setdefault(tuple(sorted(settings.items())), {"params": [], **settings})
            alike["params"].append(parameter)
        params[:] = groups.values()


def _named_by_modules(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that modules exempt from weight decay."""
    exempt = set()
    for module in model.modules():
        names = ["weight"] if isinstance(module, nn.Embedding) else []
        names += getattr(module, "no_weight_decay", list)()
        if names:
            # timm's modules also name parameters that only some of their kinds have.
            own = dict(module.named_parameters())
            exempt |= {id(own[name]) for name in names if name in own}
    return exempt
