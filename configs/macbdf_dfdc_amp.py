# DFDC with the `s` model in bfloat16 on GPUs: activations of half the size.
#
# bfloat16 has the range of float32, so that losses are not scaled. What has to be float32 stays
# it by itself: log-mel, losses, clusters, the statistics of the contrast.
_base_ = ["./macbdf_dfdc.py"]

optim_wrapper = dict(type="OMParetoAmpOptimWrapper", dtype="bfloat16", loss_scale=1.0)
