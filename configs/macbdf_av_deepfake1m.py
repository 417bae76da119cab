# AV-Deepfake1M with the `s` model, on sample and frame level: 16 frames of 224x224, depth 6.
_base_ = [
    "./_base_/models/macbdf_s.py",
    "./_base_/datasets/av_deepfake1m.py",
    "./_base_/schedules/s.py",
    "./_base_/default_runtime.py",
]
