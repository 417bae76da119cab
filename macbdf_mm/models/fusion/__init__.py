"""What crosses the modalities, as plain modules: weights, exchange, fusion, frame logits."""

from macbdf_mm.models.fusion.cluster_state import ClusterState
from macbdf_mm.models.fusion.cross_modal_exchange import (
    CrossModalExchange,
    FusedSteps,
    fuse_steps,
)
from macbdf_mm.models.fusion.frame_branch import FrameBranches, FrameLogits
from macbdf_mm.models.fusion.importance_weights import FusionWeights, ImportanceWeights
from macbdf_mm.models.fusion.representation_fusion import RepresentationFusion
from macbdf_mm.models.fusion.temporal_steps import PooledSteps, pool_steps

__all__ = [
    "ClusterState",
    "CrossModalExchange",
    "FrameBranches",
    "FrameLogits",
    "FusedSteps",
    "FusionWeights",
    "ImportanceWeights",
    "PooledSteps",
    "RepresentationFusion",
    "fuse_steps",
    "pool_steps",
]
