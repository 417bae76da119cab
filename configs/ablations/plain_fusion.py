# The baseline on the demo data: fusion by concatenation, without contrast, weights, exchange,
# RFMF, frame-level verdicts and OM-Pareto.
_base_ = ["../macbdf_demo.py"]

model = dict(
    neck=dict(_delete_=True, type="PlainFusionNeck"),
    frame_head=None,
)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    constructor="macbdf_mm.MatrixDecayConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.98), weight_decay=0.02),
    clip_grad=dict(max_norm=5.0),
)
