# FakeAVCeleb for its few real clips: encoders that were trained on other people learn on slowly.
#
# About 350 clips to train on are real. With as few on the demo, encoders from elsewhere at a fifth of
# the rate were far ahead of new ones, and ahead of the same kept as they are
# (docs/results/real_only.md). First train `macbdf_dfdc_real_only.py`, or state another checkpoint
# of the same encoders below.
_base_ = [
    "./_base_/models/macbdf_s.py",
    "./_base_/datasets/fakeavceleb.py",
    "./_base_/schedules/s.py",
    "./_base_/default_runtime.py",
]

encoder_rate = 0.2  # of the rate of all that is new; 0 keeps the encoders as they are
encoders = "work_dirs/macbdf_dfdc_real_only/epoch_30.pth"

model = dict(
    video_backbone=dict(
        encoder=dict(
            init_cfg=dict(type="Pretrained", checkpoint=encoders, prefix="video_backbone.encoder.")
        )
    ),
    audio_backbone=dict(
        encoder=dict(
            init_cfg=dict(type="Pretrained", checkpoint=encoders, prefix="audio_backbone.encoder.")
        )
    ),
)
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "video_backbone.encoder": dict(lr_mult=encoder_rate),
            "audio_backbone.encoder": dict(lr_mult=encoder_rate),
        }
    )
)
