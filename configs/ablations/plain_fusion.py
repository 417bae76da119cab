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
    constructor={{_base_.optim_wrapper.constructor}},
    optimizer={{_base_.optim_wrapper.optimizer}},
    clip_grad={{_base_.optim_wrapper.clip_grad}},
)
