# Trained on DFDC, tested on DefakeAVMiT (Table 3): weights and thresholds come from DFDC alone.
_base_ = ["../macbdf_dfdc.py"]

test_dataloader = dict(dataset=dict(data_root="data/defakeavmit_crops"))
