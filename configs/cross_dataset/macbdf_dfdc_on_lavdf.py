# Trained on DFDC, tested on LAV-DF: weights and thresholds come from DFDC alone.
# Its forgeries are short parts of a clip, which windows that overlap look for.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/lavdf_crops"))
