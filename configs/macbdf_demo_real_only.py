# The demo trained without its fakes: real clips alone, of which some are forged while loading.
#
# Validation knows no other fakes either. The test set is the demo's own, with its operators; of
# these, training makes `region_resample`, `blended_patch`, `griffin_lim`, `word_splice` and
# `dubbing`, and never `mouth_swap`, `mouth_rerender` and `another_voice`.
_base_ = ["./macbdf_demo.py"]

# 240 real clips are 15 batches of 16: in 79 epochs as many steps as the demo makes in its 32.
num_epochs = 79
num_warmup_epochs = 2

forging = dict(
    type="ForgeRealClip",
    video_operators=["region_resample", "blended_patch"],
    audio_operators=["griffin_lim", "word_splice", "dubbing"],
    donors="own",
    # As often as the demo's clips are fake.
    probability=0.6,
)
train_pipeline = [
    dict(type="SampleClipSpan", span_seconds={{_base_.span_seconds}}),
    dict(type="DecodeAudioVisual", num_frames={{_base_.num_frames}}),
    forging,
    dict(type="BlankStart"),
    # Encodes real and forged clips alike, as the files of the test set are encoded after forging.
    dict(type="VideoCompression"),
    dict(type="mmaction.RandomResizedCrop", area_range=(0.6, 1.0), aspect_ratio_range=(0.9, 1.1)),
    dict(type="mmaction.Resize", scale=(64, 64), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="PackForgeryInputs", num_steps={{_base_.num_steps}}),
]
val_pipeline = [
    dict(type="SampleClipSpan", span_seconds={{_base_.span_seconds}}, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames={{_base_.num_frames}}),
    dict(type="MaskUnusable"),
    forging,
    dict(type="mmaction.Resize", scale=(64, 64), keep_ratio=False),
    dict(type="PackForgeryInputs", num_steps={{_base_.num_steps}}),
]
train_dataloader = dict(dataset=dict(labels=[0], pipeline=train_pipeline))
# One window of a clip: each window is forged by itself, and a clip has one label.
val_dataloader = dict(dataset=dict(labels=[0], windows_per_clip=1, pipeline=val_pipeline))

# At most the number of training clips.
model = dict(neck=dict(contrast=dict(queue_length=240)))
train_cfg = dict(max_epochs=num_epochs, val_interval=20)
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
