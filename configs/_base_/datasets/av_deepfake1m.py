# AV-Deepfake1M (or ++) as prepared face crops, read as DFDC is (first convert, split and crop).
# Forgeries are short parts of a clip: the labels of the steps come from the annotated intervals.
# The published test part has no labels: split with `--protocol disjoint`, which parts all labelled
# clips in three. 75 % of the clips are fake. An epoch has 120,000 clips, a fifth of those to train
# on.
_base_ = ["./dfdc.py"]

data_root = "data/av_deepfake1m_crops"
train_dataloader = dict(
    # Half of the clips are real, and the three kinds of fake come up equally often.
    sampler=dict(
        by="category",
        shares=dict(RVRA=3, FVRA=1, RVFA=1, FVFA=1, unknown=0),
        num_samples=120_000,
    ),
    dataset=dict(data_root=data_root),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
