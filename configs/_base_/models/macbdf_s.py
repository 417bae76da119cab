# Face crops of 224x224, 16 frames and the sound of the same 0.64 s; encoders of the size of ViT-S.
#
# For training from scratch: convolutional stems, and the difference of frames beside each frame,
# without which the video branch of the demo stayed at chance. `macbdf_dfdc_videomae.py` has the
# tubelets of VideoMAE instead, and its weights. Maps have 8x14x14 and 4x16 positions.
model = dict(
    type="MACBDF",
    data_preprocessor=dict(
        type="ForgeryDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        log_mel=dict(sample_rate=16000, n_fft=512, hop_length=160, num_mels=64),
    ),
    video_backbone=dict(
        type="MSTLKABackbone",
        encoder=dict(
            type="VideoTransformerEncoder",
            stem="convolutional",
            img_size=224,
            num_frames=16,
            patch_size=16,
            tubelet_size=2,
            embed_dims=384,
            depth=12,
            num_heads=6,
            drop_path_rate=0.1,
            final_norm=True,
            difference_gain=8.0,
        ),
        depth=6,
        embed_dims=192,
    ),
    audio_backbone=dict(
        type="MFTLKABackbone",
        encoder=dict(
            type="AudioTransformerEncoder",
            stem="convolutional",
            num_mels=64,
            num_frames=64,
            patch_size=(16, 4),
            embed_dims=384,
            depth=6,
            num_heads=6,
            drop_path_rate=0.1,
            final_norm=True,
        ),
        depth=6,
        embed_dims=192,
    ),
    neck=dict(
        type="ContrastiveFusionNeck",
        # At most the number of training clips.
        contrast=dict(queue_length=2048),
        weights=dict(num_heads=6),
        fusion=dict(depth=2, num_heads=6, drop_rate=0.1),
    ),
    head=dict(type="ForgeryMLPHead", hidden_channels=[256], drop_rate=0.5),
    frame_head=dict(type="ForgeryFrameHead", drop_rate=0.1),
)
