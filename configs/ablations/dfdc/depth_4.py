# Figure 5, depth 4, on DFDC: 4 layers in each tower.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(video_backbone=dict(depth=4), audio_backbone=dict(depth=4))
