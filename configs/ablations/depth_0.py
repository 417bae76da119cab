# Figure 5, depth 0, on the demo data: the fusion reads the encoders' own maps.
_base_ = ["../macbdf_demo.py"]

model = dict(video_backbone=dict(depth=0), audio_backbone=dict(depth=0))
