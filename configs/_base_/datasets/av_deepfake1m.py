# AV-Deepfake1M (or ++) in the project's annotation format, read as DFDC is.
# Forgeries are short parts of a clip, so a test looks at twice as many windows, and the labels
# of the steps come from the annotated intervals. The published test part has no labels: split
# with `--protocol disjoint`, which parts all labelled clips in three.
_base_ = ["./dfdc.py"]

data_root = "data/av_deepfake1m"
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root, windows_per_clip=8))
test_dataloader = dict(dataset=dict(data_root=data_root, windows_per_clip=8))
