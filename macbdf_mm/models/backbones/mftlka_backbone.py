"""The audio tower."""

from typing import Any

from macbdf_mm.models.backbones.large_kernel_backbone import LargeKernelBackbone
from macbdf_mm.registry import MODELS


@MODELS.register_module()
class MFTLKABackbone(LargeKernelBackbone):
    """Audio encoder and multi-scale frequency-time large-kernel attention (3.1, 3.2.3).

    A valid backbone of mmaction2's ``RecognizerAudio``: (B, 1, F, N) to
    (B, embed_dims, F', T'').

    Args:
        **kwargs: As :class:`LargeKernelBackbone`, without ``num_dims``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num_dims=2, **kwargs)
