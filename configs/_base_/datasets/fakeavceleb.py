# FakeAVCeleb as prepared face crops, read as DFDC is (first convert, split and crop, see there).
# Both tracks are labelled. 97.7 % of the clips are fake: read the balanced accuracy. An epoch has
# 4,000 clips, in which each of the about 350 real ones to train on comes up 6 times.
_base_ = ["./dfdc.py"]

data_root = "data/fakeavceleb_crops"
train_dataloader = dict(
    # Half of the clips are real, and the three kinds of fake come up equally often.
    sampler=dict(
        by="category",
        shares=dict(RVRA=3, FVRA=1, RVFA=1, FVFA=1, unknown=0),
        num_samples=4000,
    ),
    dataset=dict(data_root=data_root),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
