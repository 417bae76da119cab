# Table 2, w/o L_cross, on DFDC: no contrast across the tracks.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(neck=dict(contrast=dict(with_cross=False)))
