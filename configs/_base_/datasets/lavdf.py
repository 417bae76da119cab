# LAV-DF in the project's annotation format, read as DFDC is.
# Forgeries are short parts of a clip, so a test looks at twice as many windows, and the labels
# of the steps come from the annotated intervals.
_base_ = ["./dfdc.py"]

data_root = "data/lavdf"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root, windows_per_clip=8))
test_dataloader = dict(dataset=dict(data_root=data_root, windows_per_clip=8))
