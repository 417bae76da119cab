"""Optimisation: the pure solver of OM-Pareto, and the wrappers that a config can name."""

from macbdf_mm.engine.optim.om_pareto import ParetoStep, om_pareto
from macbdf_mm.engine.optim.om_pareto_optim_wrapper import (
    OMParetoAmpOptimWrapper,
    OMParetoOptimWrapper,
)

__all__ = ["OMParetoAmpOptimWrapper", "OMParetoOptimWrapper", "ParetoStep", "om_pareto"]
