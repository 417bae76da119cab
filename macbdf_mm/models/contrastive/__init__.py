"""Adaptive contrastive learning, Eqs. 2-8: plain modules that know torch only."""

from macbdf_mm.models.contrastive.adaptive_temperature import AdaptiveTemperature, TemperatureStep
from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection
from macbdf_mm.models.contrastive.feature_queue import FeatureQueue
from macbdf_mm.models.contrastive.feature_set import FeatureSet, join
from macbdf_mm.models.contrastive.macl import MACL, TERM_WEIGHT, ContrastiveLosses

__all__ = [
    "MACL",
    "TERM_WEIGHT",
    "AdaptiveTemperature",
    "ContrastiveLosses",
    "EmbeddingProjection",
    "FeatureQueue",
    "FeatureSet",
    "TemperatureStep",
    "join",
]
