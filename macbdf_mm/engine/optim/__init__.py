"""Optimisation: the pure solver of OM-Pareto, and the parts that a config can name."""

from macbdf_mm.engine.optim.matrix_decay_constructor import MatrixDecayConstructor
from macbdf_mm.engine.optim.om_pareto import ParetoStep, om_pareto
from macbdf_mm.engine.optim.om_pareto_optim_wrapper import (
    OMParetoAmpOptimWrapper,
    OMParetoOptimWrapper,
)

__all__ = [
    "MatrixDecayConstructor",
    "OMParetoAmpOptimWrapper",
    "OMParetoOptimWrapper",
    "ParetoStep",
    "om_pareto",
]
