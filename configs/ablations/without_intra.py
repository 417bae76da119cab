# Table 2, w/o L_intra, on the demo data: no contrast within a track.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(contrast=dict(with_intra=False)))
