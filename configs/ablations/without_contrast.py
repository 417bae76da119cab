# Table 2, w/o L_C, on the demo data: no contrastive loss at all.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(contrast=dict(with_cross=False, with_intra=False)))
