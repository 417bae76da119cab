"""The registered wrapper in the hands of MMEngine's runner and of another project's model."""

import copy

import mmaction.models  # noqa: F401
import pytest
import torch
from mmaction.registry import MODELS as MMACTION_MODELS
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope

from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.engine.optim import OMParetoOptimWrapper

NUM_CLASSES, NUM_CLIPS = 5, 2


def recognizer(with_cp=False):
    """A small Recognizer3D with an auxiliary head on its pyramid: two objectives, one encoder."""
    torch.manual_seed(0)
    backbone = dict(
        type="ResNet3dSlowOnly", depth=18, pretrained=None, base_channels=8, lateral=False,
        out_indices=(2, 3), conv1_kernel=(1, 7, 7), conv1_stride_t=1, pool1_stride_t=1,
        inflate=(0, 0, 1, 1), norm_eval=False, with_cp=with_cp,
    )  # fmt: skip
    neck = dict(
        type="TPN",
        in_channels=(32, 64),
        out_channels=32,
        spatial_modulation_cfg=dict(in_channels=(32, 64), out_channels=64),
        temporal_modulation_cfg=dict(downsample_scales=(2, 2)),
        upsample_cfg=dict(scale_factor=(1, 1, 1)),
        downsample_cfg=dict(downsample_scale=(1, 1, 1)),
        level_fusion_cfg=dict(
            in_channels=(32, 32),
            mid_channels=(32, 32),
            out_channels=64,
            downsample_scales=((1, 1, 1), (1, 1, 1)),
        ),
        aux_head_cfg=dict(out_channels=NUM_CLASSES, loss_weight=0.5),
    )
    head = dict(
        type="TPNHead", num_classes=NUM_CLASSES, in_channels=2048, spatial_type="avg",
        dropout_ratio=0.0,
    )  # fmt: skip
    with DefaultScope.overwrite_default_scope("mmaction"):
        cfg = dict(type="Recognizer3D", backbone=backbone, neck=neck, cls_head=head)
        # mmaction2's own turns every input into single precision.
        cfg["data_preprocessor"] = dict(type="mmengine.BaseDataPreprocessor")
        return MMACTION_MODELS.build(cfg).double().train()


def clips(seed):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for label in torch.randint(0, NUM_CLASSES, (NUM_CLIPS,), generator=generator).tolist():
        sample = ActionDataSample()
        # mmaction2 1.1 and 1.2 name it differently.
        getattr(sample, "set_gt_labels", getattr(sample, "set_gt_label", None))(label)
        samples.append(sample)
    inputs = torch.randn(NUM_CLIPS, 1, 3, 4, 32, 32, generator=generator).double()
    return {"inputs": inputs, "data_samples": samples}


def wrapper_of(model, **settings):
    cfg = dict(
        type="macbdf_mm.OMParetoOptimWrapper",
        optimizer=dict(type="SGD", lr=0.01),
        unimodal_losses=["loss_aux"],
        encoders=dict(backbone="backbone"),
        dead_zone=0.0,
        **settings,
    )
    with DefaultScope.overwrite_default_scope("mmaction"):
        return build_optim_wrapper(model, cfg)


def test_a_recognizer_of_mmaction2_trains_by_config_alone(two_encoders):
    """Against the literal equations on its backbone; the plain sum for its other parts."""
    model = recognizer()
    before = copy.deepcopy(model)
    wrapper = wrapper_of(model)
    batch = next(b for b in map(clips, range(20)) if is_in_conflict(copy.deepcopy(model), b))
    multimodal, unimodal = objective_gradients(copy.deepcopy(model), batch)
    log = train_step(model, batch, wrapper)
    assert {"loss_cls", "loss_aux", "top1_acc"} <= set(log)
    assert wrapper.take_solved()["backbone"].is_conflict

    names = [name for name, _ in model.backbone.named_parameters(prefix="backbone")]
    step = two_encoders.literal_step(
        *(flatten_gradients(two_encoders, g, before, names) for g in (multimodal, unimodal))
    )
    start = dict(before.named_parameters())
    moved = {n: (start[n] - p).detach() / 0.01 for n, p in model.named_parameters()}
    found = two_encoders.flatten([moved[name] for name in names])
    assert abs(found - step).max() <= 1e-6 * abs(step).max()
    for name in ("cls_head.fc_cls.weight", "neck.aux_head.fc.weight"):
        total = sum(g[name] for g in (multimodal, unimodal) if g[name] is not None)
        torch.testing.assert_close(moved[name], total, rtol=1e-6, atol=1e-9)


def test_checkpoints_inside_mmaction2s_backbone_change_nothing():
    weights = []
    for with_cp in (False, True):
        model = recognizer(with_cp)
        wrapper = wrapper_of(model)
        start = model.backbone.layer4[1].conv2.conv.weight.clone()
        for seed in range(3):
            train_step(model, clips(seed), wrapper)
        assert not torch.equal(model.backbone.layer4[1].conv2.conv.weight, start)
        weights.append(dict(model.named_parameters()))
    for name, parameter in weights[0].items():
        torch.testing.assert_close(parameter, weights[1][name], rtol=1e-6, atol=1e-9)


def train_step(model, batch, wrapper):
    """Train a step; the auxiliary head's dropout is the same every time."""
    torch.manual_seed(0)
    return model.train_step(copy.deepcopy(batch), wrapper)


def flatten_gradients(two_encoders, gradients, model, names):
    """Return one flat vector, zeros where the objective does not reach a parameter."""
    parameters = dict(model.named_parameters())
    return two_encoders.flatten(
        [torch.zeros_like(parameters[n]) if gradients[n] is None else gradients[n] for n in names]
    )


def objective_gradients(model, batch):
    """Return the gradients of loss_cls and of loss_aux by parameter name, by autograd alone."""
    torch.manual_seed(0)
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    losses = model(**data, mode="loss")
    parameters = dict(model.named_parameters())
    return [
        dict(
            zip(
                parameters,
                torch.autograd.grad(
                    losses[key], parameters.values(), retain_graph=True, allow_unused=True
                ),
                strict=True,
            )
        )
        for key in ("loss_cls", "loss_aux")
    ]


def is_in_conflict(model, batch):
    multimodal, unimodal = objective_gradients(model, batch)
    names = [name for name, _ in model.backbone.named_parameters(prefix="backbone")]
    pairs = [(multimodal[name], unimodal[name]) for name in names]
    return sum(float((m * u).sum()) for m, u in pairs if m is not None and u is not None) < 0


@pytest.mark.parametrize("scope", ["mmengine", "mmaction", "macbdf_mm"])
def test_the_name_resolves_from_every_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert OPTIM_WRAPPERS.get("macbdf_mm.OMParetoOptimWrapper") is OMParetoOptimWrapper


def test_a_moving_average_of_the_weights_follows_them(make_runner):
    momentum = 0.3
    runner = make_runner(
        custom_hooks=[dict(type="EMAHook", momentum=momentum), dict(type="OMParetoLogHook")],
        num_epochs=1,
    )
    history = [copy.deepcopy(runner.model.state_dict())]

    class RecordHook(Hook):
        def after_train_iter(self, runner, **_):
            history.append(copy.deepcopy(runner.model.state_dict()))

    runner.register_hook(RecordHook())
    runner.train()
    assert len(history) == 6
    expected = history[0]["video.first.weight"]
    # MMEngine's first update copies the weights.
    for index, state in enumerate(history[1:]):
        weight = state["video.first.weight"]
        expected = weight if index == 0 else expected + momentum * (weight - expected)
    checkpoint = load_checkpoint(f"{runner.work_dir}/epoch_1.pth")
    torch.testing.assert_close(checkpoint["state_dict"]["video.first.weight"], expected)


def test_a_resumed_training_ends_in_the_same_weights(make_runner):
    options = dict(
        optim_wrapper__optimizer=dict(type="AdamW", lr=0.05),
        optim_wrapper__accumulative_counts=2,
        num_batches=6,
    )
    whole = make_runner(num_epochs=3, work_dir="whole", **options)
    whole.train()
    make_runner(num_epochs=1, work_dir="parts", **options).train()
    resumed = make_runner(num_epochs=3, work_dir="parts", resume=True, **options)
    resumed.train()
    assert resumed.iter == whole.iter == 18
    expected = whole.model.state_dict()
    for name, weight in resumed.model.state_dict().items():
        assert torch.equal(weight, expected[name]), name
