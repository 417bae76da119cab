# DefakeAVMiT in the project's annotation format, read as DFDC is.
# No manifest is public: the generic converter reads its four video x audio classes.
_base_ = ["./dfdc.py"]

data_root = "data/defakeavmit"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
