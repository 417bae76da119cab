# AdamW with a linear warm-up and a cosine decay, in epochs but stepped every iteration.
#
# Both schedulers state their `end`. Without it MMEngine derives the end from max_epochs, and a
# run that is stopped early by a smaller max_epochs and then resumed would have followed
# another curve. So `max_epochs` may be changed freely; to stretch the curve itself, change
# `num_epochs` here (or `param_scheduler` in your config).
num_epochs = 32
num_warmup_epochs = 1

train_cfg = dict(by_epoch=True, max_epochs=num_epochs, val_begin=1, val_interval=8)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OMParetoOptimWrapper",
    unimodal_losses=["loss_frame_*", "loss_intra_*"],
    encoders=dict(video="video_backbone.encoder", audio="audio_backbone.encoder"),
    constructor="macbdf_mm.MatrixDecayConstructor",
    optimizer=dict(type="AdamW", lr=5e-4, betas=(0.9, 0.98), weight_decay=0.02),
    clip_grad=dict(max_norm=5.0),
)
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
# --auto-scale-lr scales the learning rate by the clips of an update, of all processes and with
# accumulated batches, over base_batch_size.
auto_scale_lr = dict(enable=False, base_batch_size=16)
