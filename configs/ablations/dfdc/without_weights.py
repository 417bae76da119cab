# Table 2, w/o w, on DFDC: both tracks count one half.
_base_ = ["../../macbdf_dfdc.py"]

model = dict(neck=dict(weights=dict(weighting="equal")))
