# AdamW in bfloat16 with a linear warm-up and a cosine decay over 30 epochs, for the `s` model.
#
# bfloat16 has the range of float32, so that losses are not scaled. What has to be float32 stays
# it by itself: log-mel, losses, clusters, the statistics of the contrast. A machine without a GPU
# trains in float32 and says so; `--no-amp` does so on a GPU.
#
# The rate is that of 32 clips an update, the batch of one GPU; docs/datasets.md says what to
# change for more of them and for smaller ones. Both schedulers state their `end`, so that
# `max_epochs` may be changed without another curve.
num_epochs = 30
num_warmup_epochs = 2

train_cfg = dict(by_epoch=True, max_epochs=num_epochs, val_begin=1, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OMParetoAmpOptimWrapper",
    dtype="bfloat16",
    loss_scale=1.0,
    unimodal_losses=["loss_frame_*", "loss_intra_*"],
    encoders=dict(video="video_backbone.encoder", audio="audio_backbone.encoder"),
    constructor="macbdf_mm.MatrixDecayConstructor",
    optimizer=dict(type="AdamW", lr=2e-4, betas=(0.9, 0.98), weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.01,
        by_epoch=True,
        begin=0,
        end=num_warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.01,
        T_max=num_epochs - num_warmup_epochs,
        by_epoch=True,
        begin=num_warmup_epochs,
        end=num_epochs,
        convert_to_iter_based=True,
    ),
]
# --auto-scale-lr scales the learning rate by the clips of an update, of all processes and with
# accumulated batches, over base_batch_size.
auto_scale_lr = dict(enable=False, base_batch_size=32)
