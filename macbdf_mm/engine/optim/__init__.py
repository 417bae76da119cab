"""Optimisation: the pure solver of OM-Pareto, apart from any wrapper."""

from macbdf_mm.engine.optim.om_pareto import ParetoStep, om_pareto

__all__ = ["ParetoStep", "om_pareto"]
