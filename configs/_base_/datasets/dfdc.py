# DFDC in the project's annotation format: 16 frames and the sound of the same 2.56 s.
# Only the clip is labelled there; unknown track labels are masked in the losses.
dataset_type = "AudioVisualForgeryDataset"
data_root = "data/dfdc"
ann_file = "annotation.json"
span_seconds = 2.56
num_frames = 16
num_steps = 8
# Clips last 10 s: four windows cover them without a gap.
windows_per_clip = 4
batch_size = 8
# A batch that was lost would be waited for without end.
loader_timeout_seconds = 1800

train_pipeline = [
    dict(type="SampleClipSpan", span_seconds=span_seconds, fake_span_probability=0.7),
    dict(type="DecodeAudioVisual", num_frames=num_frames, short_side=256),
    dict(type="mmaction.RandomResizedCrop", area_range=(0.5, 1.0)),
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="ClipColorJitter"),
    dict(type="AudioGain"),
    dict(type="AudioNoise"),
    dict(type="AudioCodec"),
    dict(type="PackForgeryInputs", num_steps=num_steps),
]
test_pipeline = [
    dict(type="SampleClipSpan", span_seconds=span_seconds, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames=num_frames, short_side=256),
    # Smaller files, and the black frames of one without video, grow to the size of the rest.
    dict(type="mmaction.Resize", scale=(-1, 224)),
    dict(type="mmaction.CenterCrop", crop_size=224),
    dict(type="PackForgeryInputs", num_steps=num_steps),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    timeout=loader_timeout_seconds,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        data_root=data_root,
        split="train",
        on_decode_error="skip",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    timeout=loader_timeout_seconds,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        data_root=data_root,
        split="val",
        test_mode=True,
        windows_per_clip=windows_per_clip,
        on_decode_error="skip",
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    val_dataloader,
    dataset=dict(val_dataloader["dataset"], split="test"),
)
# The decision thresholds are fitted here, and only here.
val_evaluator = dict(type="ForgeryMetric", fit_threshold=True, num_resamples=200)
test_evaluator = dict(type="ForgeryMetric")
