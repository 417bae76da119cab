# DFDC with the `s` model, its video encoder begun from VideoMAE weights (ViT-S, Kinetics-400).
#
# Nothing is downloaded: fetch a checkpoint in mmaction2's format and state its path below, or as
# `--cfg-options model.video_backbone.encoder.init_cfg.checkpoint=FILE`. The stem has to be
# VideoMAE's, so there are no differences of frames, and no norm after the last block. The encoder
# learns at a tenth of the rate of all that is new. For another data set, change `_base_`.
_base_ = ["./macbdf_dfdc.py"]

videomae_checkpoint = "weights/vit-small-p16_videomae-k400-pre_16x4x1_kinetics-400.pth"
encoder_rate = 0.1  # 0.1 to 0.25

model = dict(
    video_backbone=dict(
        encoder=dict(
            stem="tubelet",
            difference_gain=0.0,
            final_norm=False,
            init_cfg=dict(type="Pretrained", checkpoint=videomae_checkpoint),
        )
    )
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"video_backbone.encoder": dict(lr_mult=encoder_rate)})
)
