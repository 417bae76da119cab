# DefakeAVMiT with the `s` model: 16 frames of 224x224, encoders of width 384, depth 6.
_base_ = [
    "./_base_/models/macbdf_s.py",
    "./_base_/datasets/defakeavmit.py",
    "./_base_/schedules/s.py",
    "./_base_/default_runtime.py",
]
