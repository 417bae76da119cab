"""The whole network in a small size, its batches, and its training as MMEngine runs it."""

import copy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import nn

from macbdf_mm.engine.optim import OMParetoOptimWrapper
from macbdf_mm.models import MACBDF
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

NUM_CLIPS, NUM_FRAMES, NUM_STEPS = 8, 4, 2
_WIDTH = dict(embed_dims=16, depth=1, num_heads=2)
_TOWER = dict(depth=2, embed_dims=12)
CONFIG = dict(
    data_preprocessor=dict(
        type="ForgeryDataPreprocessor", log_mel=dict(n_fft=256, hop_length=64, num_mels=16)
    ),
    video_backbone=dict(
        type="MSTLKABackbone",
        encoder=dict(
            type="VideoTransformerEncoder",
            img_size=16,
            num_frames=NUM_FRAMES,
            patch_size=8,
            tubelet_size=2,
            **_WIDTH,
        ),
        **_TOWER,
    ),
    audio_backbone=dict(
        type="MFTLKABackbone",
        encoder=dict(
            type="AudioTransformerEncoder", num_mels=16, num_frames=16, patch_size=(8, 4), **_WIDTH
        ),
        **_TOWER,
    ),
    neck=dict(
        type="ContrastiveFusionNeck",
        contrast_dims=8,
        contrast=dict(queue_length=24, num_negatives=4),
        clusters=dict(max_clusters=3),
        weights=dict(num_heads=2),
        fusion=dict(depth=1, num_heads=2),
    ),
    head=dict(type="ForgeryMLPHead", hidden_channels=[8], drop_rate=0.0),
    frame_head=dict(type="ForgeryFrameHead"),
)
OM_PARETO = dict(
    unimodal_losses=["loss_frame_*", "loss_intra_*"],
    encoders=dict(video="video_backbone.encoder", audio="audio_backbone.encoder"),
)


def make_detector(**neck: Any) -> MACBDF:
    """Return the detector with seeded weights, batch norm frozen, and open gates."""
    torch.manual_seed(0)
    cfg = Config(copy.deepcopy(CONFIG))
    cfg.neck.update(neck)
    model = MACBDF(**cfg.to_dict())
    # Gates and scales that start at zero would hide what lies before them.
    for name, parameter in model.named_parameters():
        if "gate" in name or "temperature" in name:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def train_mode(model: nn.Module) -> None:
    """Set the model to training but for batch norm, whose statistics depend on the split."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def make_batch(seed: int, share: slice = slice(None)) -> dict[str, Any]:
    """Return a collated batch, or a rank's share of it; some labels and tracks are missing."""
    generator = torch.Generator().manual_seed(seed)
    packed = [_packed(seed, index, generator) for index in range(NUM_CLIPS)]
    packed[1]["inputs"]["audio_mask"][:] = False
    packed[6]["inputs"]["video_mask"][:] = False
    return pseudo_collate(packed[share])


def _packed(seed: int, index: int, generator: torch.Generator) -> dict[str, Any]:
    video, audio = ((0, 0), (1, 0), (0, 1), (1, 1), (-1, -1), (0, 0), (1, 1), (1, -1))[index]
    sample = ForgeryDataSample(metainfo={"file": f"{(3 * seed + index) % 20}.mp4"})
    sample.gt_label = torch.tensor(1 if 1 in (video, audio) else max(video, 0))
    sample.gt_video_label, sample.gt_audio_label = torch.tensor(video), torch.tensor(audio)
    sample.gt_video_steps = torch.full((NUM_STEPS,), video)
    sample.gt_audio_steps = torch.tensor([audio, min(audio, 0)])
    frames = torch.randint(0, 256, (3, NUM_FRAMES, 16, 16), generator=generator)
    return {
        "inputs": {
            "video": frames.byte(),
            "video_mask": torch.ones(NUM_FRAMES, dtype=torch.bool),
            "waveform": 0.1 * torch.randn(1024, generator=generator),
            "audio_mask": torch.ones(1024, dtype=torch.bool),
        },
        "data_samples": sample,
    }


def train(method: str | None, num_steps: int, rank: int | None = None) -> dict[str, Any]:
    """Return losses, the first gradients, and the state after a training.

    Args:
        method: Of the OM-Pareto wrapper; None trains with MMEngine's own.
        num_steps: Updates; the clusters are found after half of them.
        rank: Of two, each with half of every batch; None: one process with all of it.
    """
    model = make_detector()
    train_mode(model)
    wrapped = model if rank is None else MMDistributedDataParallel(model, device_ids=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    if method is None:
        wrapper = OptimWrapper(optimizer)
    else:
        wrapper = OMParetoOptimWrapper(optimizer=optimizer, method=method, **OM_PARETO)
    half = NUM_CLIPS // 2
    share = slice(None) if rank is None else slice(half * rank, half * (rank + 1))
    losses = []
    for step in range(num_steps):
        log = wrapped.train_step(make_batch(step, share), wrapper)
        losses.append({name: value.detach() for name, value in log.items()})
        model.neck.advance()
        if step == num_steps // 2:
            model.neck.fit_clusters(seed=0)
    assert is_model_wrapper(wrapped) == (rank is not None)
    return {"losses": losses, "state": model.state_dict()}
