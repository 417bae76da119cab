# Figure 5, depth 6, on the demo data: 6 layers in each tower.
_base_ = ["../macbdf_demo.py"]

model = dict(video_backbone=dict(depth=6), audio_backbone=dict(depth=6))
