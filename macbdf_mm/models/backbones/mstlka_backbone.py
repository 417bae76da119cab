"""The video tower."""

from typing import Any

from macbdf_mm.models.backbones.large_kernel_backbone import LargeKernelBackbone
from macbdf_mm.registry import MODELS


@MODELS.register_module()
class MSTLKABackbone(LargeKernelBackbone):
    """Video encoder and multi-scale spatio-temporal large-kernel attention (3.1, 3.2.3).

    A valid backbone of mmaction2's ``Recognizer3D``: (B, 3, T, H, W) to
    (B, embed_dims, T', H', W').

    Args:
        **kwargs: As :class:`LargeKernelBackbone`, without ``num_dims``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num_dims=3, **kwargs)
