# Where every run of a study starts: both encoders, trained without anything that the rows of a
# study differ in. No towers, plain fusion, no frame-level verdicts, the plain sum.
#
# In twelve epochs the video encoder has learnt; it begins to in the fifth or sixth.
_base_ = ["../macbdf_demo.py"]

num_epochs = 12
num_warmup_epochs = 1

model = dict(
    video_backbone=dict(depth=0),
    audio_backbone=dict(depth=0),
    neck=dict(_delete_=True, type="PlainFusionNeck"),
    frame_head=None,
)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    constructor={{_base_.optim_wrapper.constructor}},
    # Twice the demo's rate, for fewer epochs: the video encoder has to begin to learn in them.
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.98), weight_decay=0.02),
    clip_grad={{_base_.optim_wrapper.clip_grad}},
)
train_cfg = dict(max_epochs=num_epochs)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.05,
        by_epoch=True,
        begin=0,
        end=num_warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.02,
        T_max=num_epochs - num_warmup_epochs,
        by_epoch=True,
        begin=num_warmup_epochs,
        end=num_epochs,
        convert_to_iter_based=True,
    ),
]
