# Table 2, w/o L_intra, on DFDC: no contrast within a track.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(neck=dict(contrast=dict(with_intra=False)))
