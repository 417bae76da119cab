"""The OM-Pareto wrapper of full precision."""

from macbdf_mm.engine.optim.om_pareto_mixin import OMParetoMixin
from macbdf_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class OMParetoOptimWrapper(OMParetoMixin):
    """Trains in full precision with OM-Pareto; see :class:`OMParetoMixin` for the arguments.

    Example::

        optim_wrapper = dict(
            type="OMParetoOptimWrapper",
            optimizer=dict(type="AdamW", lr=1e-3),
            unimodal_losses=["loss_frame_*", "loss_intra_*"],
            encoders=dict(video="video_backbone.encoder", audio="audio_backbone.encoder"),
        )
    """
