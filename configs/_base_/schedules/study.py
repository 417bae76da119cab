# The short schedule of the studies: it replaces the config's own, and its run takes about a minute.
# The encoders have learnt before (configs/ablations/encoders.py), so few epochs are enough.
#
# All that decides how long a run takes stands here. `max_epochs` follows from `num_epochs`.
num_epochs = 4
num_warmup_epochs = 0.5

train_cfg = dict(by_epoch=True, max_epochs=num_epochs, val_begin=1, val_interval=1)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.05,
        by_epoch=True,
        begin=0,
        end=num_warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.02,
        T_max=num_epochs - num_warmup_epochs,
        by_epoch=True,
        begin=num_warmup_epochs,
        end=num_epochs,
        convert_to_iter_based=True,
    ),
]
# Spans of each training clip that are decoded; one of them is drawn in every epoch.
spans_per_clip = 3
# Transforms of the training that are left out: in so few epochs, varied sound is learnt from later
# than it helps, and noise would prepare the rows for the test with noise below.
left_out_transforms = ["AudioGain", "AudioNoise"]
# Windows of a clip that are looked at after each epoch; the end result takes the config's own.
epoch_windows_per_clip = 1
# Windows of a clip in the end result.
final_windows_per_clip = 2
# Further tests at the end, by name: what is done to the decoded inputs, the sound or the picture
# of half the clips made useless. The draws follow from the index of the clip.
further_tests = dict(
    noisy_sound=[dict(type="AudioNoise", min_snr_db=-10.0, max_snr_db=-10.0, probability=0.5)],
    noisy_picture=[dict(type="ClipNoise", std=(80.0, 80.0), probability=0.5)],
)
