# Trained on DFDC, tested on LAV-DF: weights and thresholds come from DFDC alone.
# Its forgeries are short parts of a clip: 8 windows at least look for them.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/lavdf_crops"))
