# Figure 5, depth 2, on DFDC: 2 layers in each tower.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(video_backbone=dict(depth=2), audio_backbone=dict(depth=2))
