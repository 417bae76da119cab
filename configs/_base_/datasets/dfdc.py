# DFDC as prepared face crops: 16 frames and the sound of the same 0.64 s, at 25 frames a second.
#
# First: convert, split, and crop the faces (docs/datasets.md), the last one with
#   python tools/prepare_faces.py data/dfdc/annotation.json --data-root data/dfdc \
#       --out data/dfdc_crops --crops mp4
# Full frames are read by `macbdf_dfdc_full_frames.py`.
#
# DFDC labels whole clips. Both tracks of a real clip are real. Which track of a fake is fake, the
# converter finds by comparing it with its original; where that is undecided, or there is no
# original (the published validation and test parts name none), the track is unknown, and masked
# in the losses.
dataset_type = "AudioVisualForgeryDataset"
data_root = "data/dfdc_crops"
ann_file = "annotation.json"
# Lips open and close within 0.1 to 0.2 s, so frames are 40 ms apart, and 16 of them, which is what
# VideoMAE's positions are for, span 0.64 s: two or three syllables. 32 frames of 1.28 s
# would cost 2.6 times as much a clip, and half as many windows in a test.
span_seconds = 0.64
num_frames = 16
num_steps = 8
# Windows of a test overlap by half: a clip of 10 s has 31.
stride_seconds = span_seconds / 2
batch_size = 32
# A batch that was lost would be waited for without end.
loader_timeout_seconds = 1800

train_pipeline = [
    dict(type="SampleClipSpan", span_seconds=span_seconds, fake_span_probability=0.7),
    dict(type="DecodeAudioVisual", num_frames=num_frames),
    # A crop is a third wider than the face: no more of it than that margin is cut off.
    dict(type="mmaction.RandomResizedCrop", area_range=(0.7, 1.0), aspect_ratio_range=(0.9, 1.1)),
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="ClipColorJitter"),
    dict(type="BlankStart"),
    dict(type="AudioGain"),
    dict(type="AudioNoise"),
    dict(type="AudioCodec"),
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
    # Crops of another size, and the black frames of one without video, come to the size of the rest.
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="PackForgeryInputs", num_steps=num_steps),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=8,
    persistent_workers=True,
    timeout=loader_timeout_seconds,
    drop_last=True,
    # 84 % of the clips are fake. By label, not by category: the tracks of some fakes are unknown.
    # An epoch has as many clips as there are: each real one comes up about three times.
    sampler=dict(type="BalancedSampler", by="label"),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        data_root=data_root,
        split="train",
        face_crops=True,
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
        face_crops=True,
        test_mode=True,
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
