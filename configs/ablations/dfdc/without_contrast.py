# Table 2, w/o L_C, on DFDC: no contrastive loss at all.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(neck=dict(contrast=dict(with_cross=False, with_intra=False)))
