"""A model small enough for a test, and batches for it."""

import pytest
import torch

from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

NUM_FRAMES, NUM_STEPS, SIZE, NUM_SAMPLES = 4, 2, 16, 1024


@pytest.fixture
def tiny_model_cfg():
    """A whole detector: 4 frames of 16x16, 1024 samples, a spectrogram of 16x16."""
    towers = dict(depth=2, embed_dims=12)
    width = dict(embed_dims=16, depth=1, num_heads=2)
    return dict(
        type="MACBDF",
        data_preprocessor=dict(
            type="ForgeryDataPreprocessor",
            log_mel=dict(n_fft=256, hop_length=64, num_mels=16),
        ),
        video_backbone=dict(
            type="MSTLKABackbone",
            encoder=dict(
                type="VideoTransformerEncoder",
                img_size=SIZE,
                num_frames=NUM_FRAMES,
                patch_size=8,
                tubelet_size=2,
                **width,
            ),
            **towers,
        ),
        audio_backbone=dict(
            type="MFTLKABackbone",
            encoder=dict(
                type="AudioTransformerEncoder",
                num_mels=16,
                num_frames=16,
                patch_size=(8, 4),
                **width,
            ),
            **towers,
        ),
        neck=dict(
            type="ContrastiveFusionNeck",
            contrast_dims=8,
            contrast=dict(queue_length=16, num_negatives=4),
            clusters=dict(max_clusters=3),
            weights=dict(num_heads=2),
            fusion=dict(depth=1, num_heads=2),
        ),
        head=dict(type="ForgeryMLPHead", hidden_channels=[8], drop_rate=0.0),
        frame_head=dict(type="ForgeryFrameHead"),
    )


@pytest.fixture
def plain_model_cfg(tiny_model_cfg):
    """The baseline: fusion by concatenation, and no verdicts by frame."""
    del tiny_model_cfg["frame_head"]
    return tiny_model_cfg | dict(neck=dict(type="PlainFusionNeck"))


@pytest.fixture
def make_packed():
    """A function that returns packed samples as the pipeline leaves them."""

    def make(labels, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return [_packed(index, label, generator) for index, label in enumerate(labels)]

    return make


def _packed(index, labels, generator):
    sample = ForgeryDataSample(metainfo={"file": f"clip{index}.mp4"})
    sample.gt_label, sample.gt_video_label, sample.gt_audio_label = map(torch.tensor, labels)
    sample.gt_video_steps = torch.full((NUM_STEPS,), labels[1])
    sample.gt_audio_steps = torch.full((NUM_STEPS,), labels[2])
    video = torch.randint(
        0, 256, (3, NUM_FRAMES, SIZE, SIZE), dtype=torch.uint8, generator=generator
    )
    return {
        "inputs": {
            "video": video,
            "video_mask": torch.ones(NUM_FRAMES, dtype=torch.bool),
            "waveform": torch.randn(NUM_SAMPLES, generator=generator) * 0.1,
            "audio_mask": torch.ones(NUM_SAMPLES, dtype=torch.bool),
        },
        "data_samples": sample,
    }
