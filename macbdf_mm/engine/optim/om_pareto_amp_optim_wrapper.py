"""The OM-Pareto wrapper of mixed precision."""

from mmengine.optim import AmpOptimWrapper

from macbdf_mm.engine.optim.om_pareto_mixin import OMParetoMixin
from macbdf_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class OMParetoAmpOptimWrapper(OMParetoMixin, AmpOptimWrapper):
    """Trains in mixed precision with OM-Pareto, as :class:`OMParetoOptimWrapper` otherwise.

    Both objectives share one loss scale, which passes through the solver, since the step is
    homogeneous in the losses. A gradient that is not finite reaches ``.grad``, and the scaler
    skips the step, on all processes alike. ``loss_scale`` and ``dtype`` are those of MMEngine's
    ``AmpOptimWrapper``.
    """
