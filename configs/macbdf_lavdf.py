# LAV-DF with the `s` model, on sample and frame level, from prepared face crops:
# `_base_/datasets/lavdf.py` says what to run first. 16 frames of 224x224 over 0.64 s, encoders of
# width 384, towers of depth 6, bfloat16.
_base_ = [
    "./_base_/models/macbdf_s.py",
    "./_base_/datasets/lavdf.py",
    "./_base_/schedules/s.py",
    "./_base_/default_runtime.py",
]
