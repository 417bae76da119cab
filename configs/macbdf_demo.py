# The synthetic demo data with the smallest model: trains on two cores in minutes.
_base_ = [
    "./_base_/models/macbdf_demo.py",
    "./_base_/datasets/demo.py",
    "./_base_/schedules/demo.py",
    "./_base_/default_runtime.py",
]
