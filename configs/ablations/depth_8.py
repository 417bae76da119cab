# Figure 5, depth 8, on the demo data: 8 layers in each tower.
_base_ = ["../macbdf_demo.py"]

model = dict(video_backbone=dict(depth=8), audio_backbone=dict(depth=8))
