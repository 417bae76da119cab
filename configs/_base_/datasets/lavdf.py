# LAV-DF as prepared face crops, read as DFDC is (first convert, split and crop, see there).
# Forgeries are short parts of a clip: the labels of the steps come from the annotated intervals.
# 73 % of the clips are fake.
_base_ = ["./dfdc.py"]

data_root = "data/lavdf_crops"
train_dataloader = dict(
    # Half of the clips are real, and the three kinds of fake come up equally often.
    sampler=dict(
        by="category",
        shares=dict(RVRA=3, FVRA=1, RVFA=1, FVFA=1, unknown=0),
    ),
    dataset=dict(data_root=data_root),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
