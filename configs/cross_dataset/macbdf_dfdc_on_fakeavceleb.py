# Trained on DFDC, tested on FakeAVCeleb (Table 3): weights and thresholds come from DFDC alone.
# 97.7 % of its clips are fake: read the balanced accuracy.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/fakeavceleb_crops"))
