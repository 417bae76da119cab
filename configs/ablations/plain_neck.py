# One part of plain fusion, on the demo data: fusion by concatenation, without contrast, weights,
# exchange and RFMF. The frame-level verdicts and OM-Pareto stay.
_base_ = ["../macbdf_demo.py"]

model = dict(neck=dict(_delete_=True, type="PlainFusionNeck"))
