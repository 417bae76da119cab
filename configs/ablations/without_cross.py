# Table 2, w/o L_cross, on the demo data: no contrast across the tracks.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(contrast=dict(with_cross=False)))
