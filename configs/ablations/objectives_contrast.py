# Other objectives, on the demo data: nothing but contrast within a track is unimodal, and contrast
# counts as much as classification. So neither objective asks what the other asks.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(contrast_loss_weight=1.0), frame_head=None)
optim_wrapper = dict(unimodal_losses=["loss_intra_*"])
