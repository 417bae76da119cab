# Table 2, w/o w, on the demo data: both tracks count one half.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(weights=dict(weighting="equal")))
