# Figure 5, depth 2, on the demo data: the full model's own depth.
_base_ = ["../macbdf_demo.py"]

model = dict(video_backbone=dict(depth=2), audio_backbone=dict(depth=2))
