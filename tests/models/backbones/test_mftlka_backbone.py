import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope

BACKBONE = dict(
    type="macbdf_mm.MFTLKABackbone",
    depth=1,
    embed_dims=12,
    encoder=dict(
        type="AudioTransformerEncoder",
        num_mels=16,
        num_frames=32,
        patch_size=(8, 4),
        embed_dims=8,
        depth=1,
        num_heads=2,
    ),
)


def labelled(label):
    """A data sample of mmaction2, whose setter has another name in 1.1 than in 1.2."""
    from mmaction.structures import ActionDataSample

    sample = ActionDataSample()
    setter = getattr(sample, "set_gt_label", None) or sample.set_gt_labels
    return setter(label)


@pytest.fixture
def recognizer():
    """mmaction2's audio recogniser, built in mmaction2's scope as in a project of its own."""
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope("mmaction"):
        return MODELS.build(
            dict(
                type="RecognizerAudio",
                backbone=BACKBONE,
                cls_head=dict(
                    type="TSNAudioHead", num_classes=2, in_channels=12, average_clips="prob"
                ),
            )
        )


def test_it_trains_as_an_audio_recognizer_of_mmaction2(recognizer):
    samples = [labelled(label) for label in (0, 1)]
    spectrograms = [torch.randn(1, 1, 16, 32) for _ in samples]
    wrapper = OptimWrapper(torch.optim.SGD(recognizer.parameters(), lr=0.1))
    before = {name: p.detach().clone() for name, p in recognizer.named_parameters()}
    with DefaultScope.overwrite_default_scope("mmaction"):
        losses = recognizer.train_step({"inputs": spectrograms, "data_samples": samples}, wrapper)
    assert losses["loss_cls"].isfinite()
    assert all(not torch.equal(p, before[name]) for name, p in recognizer.named_parameters())
