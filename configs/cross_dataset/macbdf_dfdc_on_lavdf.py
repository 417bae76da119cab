# Trained on DFDC, tested on LAV-DF: weights and thresholds come from DFDC alone.
# Its forgeries are short parts of a clip: twice as many windows look for them.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/lavdf", windows_per_clip=8))
