# DFDC trained without its fakes: its real clips alone, of which half are forged while loading.
#
# Validation forges real clips too, so thresholds suit these forgeries; the test is DFDC's own.
_base_ = ["./macbdf_dfdc.py"]

forging = dict(
    type="ForgeRealClip",
    donors="own",
    probability=0.5,
    # A part of a span of 0.64 s.
    min_partial_seconds=0.2,
)
train_pipeline = [
    dict(type="SampleClipSpan", span_seconds={{_base_.span_seconds}}),
    dict(type="DecodeAudioVisual", num_frames={{_base_.num_frames}}),
    forging,
    dict(type="BlankStart"),
    dict(type="mmaction.RandomResizedCrop", area_range=(0.7, 1.0), aspect_ratio_range=(0.9, 1.1)),
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="ClipColorJitter"),
    # Real and forged clips alike: what forging leaves has to survive encoding, as in files.
    dict(type="VideoCompression"),
    dict(type="AudioGain"),
    dict(type="AudioNoise"),
    dict(type="AudioCodec"),
    dict(type="PackForgeryInputs", num_steps={{_base_.num_steps}}),
]
val_pipeline = [
    dict(type="SampleClipSpan", span_seconds={{_base_.span_seconds}}, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames={{_base_.num_frames}}),
    dict(type="MaskUnusable"),
    forging,
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="PackForgeryInputs", num_steps={{_base_.num_steps}}),
]
# The sampler, which balances real and fake clips, finds one kind, and shuffles it.
train_dataloader = dict(dataset=dict(labels=[0], pipeline=train_pipeline))
# One window of a clip: each window is forged by itself, and a clip has one label.
val_dataloader = dict(dataset=dict(labels=[0], windows_per_clip=1, pipeline=val_pipeline))
