import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope

BACKBONE = dict(
    type="macbdf_mm.MSTLKABackbone",
    depth=1,
    embed_dims=12,
    encoder=dict(
        type="VideoTransformerEncoder",
        img_size=16,
        num_frames=4,
        patch_size=8,
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
    """mmaction2's recogniser, built in mmaction2's scope as in a project of its own."""
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmaction"):
        return MODELS.build(
            dict(
                type="Recognizer3D",
                backbone=BACKBONE,
                cls_head=dict(type="I3DHead", num_classes=2, in_channels=12, average_clips="prob"),
                data_preprocessor=dict(type="ActionDataPreprocessor", format_shape="NCTHW"),
            )
        )


def test_it_trains_and_predicts_as_a_recognizer_of_mmaction2(recognizer):
    samples = [labelled(label) for label in (0, 1)]
    clips = [torch.randint(0, 256, (1, 3, 4, 16, 16), dtype=torch.uint8) for _ in samples]
    wrapper = OptimWrapper(torch.optim.SGD(recognizer.parameters(), lr=0.1))
    before = {name: p.detach().clone() for name, p in recognizer.named_parameters()}
    with DefaultScope.overwrite_default_scope("mmaction"):
        losses = recognizer.train_step({"inputs": clips, "data_samples": samples}, wrapper)
        predicted = recognizer.test_step({"inputs": clips, "data_samples": samples})
    assert losses["loss_cls"].isfinite()
    assert all(not torch.equal(p, before[name]) for name, p in recognizer.named_parameters())
    assert len(predicted) == 2
