# FakeAVCeleb in the project's annotation format, read as DFDC is.
# Both tracks are labelled. 97.7 % of the clips are fake: read the balanced accuracy.
_base_ = ["./dfdc.py"]

data_root = "data/fakeavceleb"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
