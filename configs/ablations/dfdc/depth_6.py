# Figure 5, depth 6, on DFDC: the full model's own depth.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(video_backbone=dict(depth=6), audio_backbone=dict(depth=6))
