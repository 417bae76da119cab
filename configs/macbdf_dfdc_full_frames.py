# DFDC with the `s` model from full frames instead of face crops: nothing has to be prepared.
#
# The random and the centre crop cut off the sides of wide frames (44 % of 16:9), faces in them are
# small, and reading takes 9 to 60 times as long: for a first look, not for results.
_base_ = ["./macbdf_dfdc.py"]

train_pipeline = [
    dict(type="SampleClipSpan", span_seconds=0.64, fake_span_probability=0.7),
    dict(type="DecodeAudioVisual", num_frames=16, short_side=256),
    dict(type="mmaction.RandomResizedCrop", area_range=(0.5, 1.0)),
    dict(type="mmaction.Resize", scale=(224, 224), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="ClipColorJitter"),
    dict(type="BlankStart"),
    dict(type="AudioGain"),
    dict(type="AudioNoise"),
    dict(type="AudioCodec"),
    dict(type="PackForgeryInputs", num_steps=8),
]
test_pipeline = [
    dict(type="SampleClipSpan", span_seconds=0.64, stride_seconds=0.32, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames=16, short_side=256),
    dict(type="MaskUnusable"),
    # Smaller files, and the black frames of one without video, grow to the size of the rest.
    dict(type="mmaction.Resize", scale=(-1, 224)),
    dict(type="mmaction.CenterCrop", crop_size=224),
    dict(type="PackForgeryInputs", num_steps=8),
]
full_frames = dict(data_root="data/dfdc", face_crops=False)
train_dataloader = dict(dataset=dict(full_frames, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(full_frames, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(full_frames, pipeline=test_pipeline))
