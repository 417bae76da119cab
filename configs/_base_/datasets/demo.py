# The synthetic demo data set: 16 frames and the sound of the same 1.28 s.
dataset_type = "AudioVisualForgeryDataset"
data_root = "data/demo"
ann_file = "annotation.json"
span_seconds = 1.28
num_frames = 16
num_steps = 8
# Windows of a test overlap by half: a clip of 2 to 4 s has 3 to 6.
stride_seconds = span_seconds / 2
batch_size = 16
# A batch that was lost would be waited for without end.
loader_timeout_seconds = 1800

train_pipeline = [
    dict(type="SampleClipSpan", span_seconds=span_seconds, fake_span_probability=0.7),
    dict(type="DecodeAudioVisual", num_frames=num_frames),
    dict(type="mmaction.RandomResizedCrop", area_range=(0.6, 1.0), aspect_ratio_range=(0.9, 1.1)),
    dict(type="mmaction.Resize", scale=(64, 64), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    # The sound alone is varied: with changed colours, or with blank starts, the video AUC was
    # lower (docs/augmentation.md).
    dict(type="AudioGain"),
    dict(type="AudioNoise", min_snr_db=20.0, probability=0.3),
    dict(type="PackForgeryInputs", num_steps=num_steps),
]
test_pipeline = [
    dict(
        type="SampleClipSpan",
        span_seconds=span_seconds,
        stride_seconds=stride_seconds,
        test_mode=True,
    ),
    dict(type="DecodeAudioVisual", num_frames=num_frames),
    dict(type="MaskUnusable"),
    dict(type="mmaction.Resize", scale=(64, 64), keep_ratio=False),
    dict(type="PackForgeryInputs", num_steps=num_steps),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=2,
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
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=2 * batch_size,
    num_workers=2,
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
