"""The protocols are what the detector calls, and a part that breaks one fails when it is built."""

import inspect

import pytest
from torch import nn

from macbdf_mm.errors import ConfigError
from macbdf_mm.models.backbones.large_kernel_backbone import LargeKernelBackbone
from macbdf_mm.models.contracts import Backbone, Encoder, Head, Neck, members_of
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.models.encoders.grid_transformer_encoder import GridTransformerEncoder
from macbdf_mm.models.heads.forgery_mlp_head import ForgeryMLPHead
from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck
from macbdf_mm.models.necks.plain_fusion_neck import PlainFusionNeck
from macbdf_mm.registry import MODELS, build_part

PARTS = [
    (Encoder, GridTransformerEncoder),
    (Backbone, LargeKernelBackbone),
    (Neck, ContrastiveFusionNeck),
    (Neck, PlainFusionNeck),
    (Head, ForgeryMLPHead),
]


def without(name, part):
    """Return the part as one of a class that lacks a method, or without an attribute."""
    if name in vars(part) or name in part._modules:
        delattr(part, name)
        return part

    class Wrong(nn.Module):
        def __getattr__(self, wanted):
            if wanted == name:
                raise AttributeError(wanted)
            return getattr(part, wanted)

    return Wrong()


@pytest.mark.parametrize(("contract", "cls"), PARTS, ids=lambda cls: cls.__name__)
def test_our_parts_have_the_signatures_of_their_protocol(contract, cls):
    methods = [name for name in members_of(contract) if name not in contract.__annotations__]
    assert methods
    for name in methods:
        expected = list(inspect.signature(getattr(contract, name)).parameters)
        assert list(inspect.signature(getattr(cls, name)).parameters) == expected, name


def test_members_are_attributes_and_methods():
    assert members_of(Backbone) == ["embed_dims", "depth", "layers", "encode"]
    assert members_of(Neck) == ["out_channels", "embed", "weigh", "exchange", "fuse", "loss"]


@pytest.mark.parametrize("name", members_of(Neck))
def test_a_wrong_neck_fails_when_built(tiny_model_cfg, name):
    wrong = without(name, build_part(MODELS, tiny_model_cfg).neck)
    message = rf"^`neck` of type {type(wrong).__name__} has no `{name}`, which .*`Neck`"
    with pytest.raises(ConfigError, match=message):
        build_part(MODELS, tiny_model_cfg | dict(neck=wrong))


@pytest.mark.parametrize("name", members_of(Backbone))
@pytest.mark.parametrize("argument", ["video_backbone", "audio_backbone"])
def test_a_wrong_backbone_fails_when_built(tiny_model_cfg, argument, name):
    wrong = without(name, build_part(MODELS, tiny_model_cfg[argument]))
    message = rf"^`{argument}` of type {type(wrong).__name__} has no `{name}`, which .*`Backbone`"
    with pytest.raises(ConfigError, match=message):
        build_part(MODELS, tiny_model_cfg | {argument: wrong})


def test_a_wrong_encoder_fails_when_built_and_all_that_is_missing_is_named(tiny_model_cfg):
    with pytest.raises(ConfigError, match="`encoder` of type Linear has no `embed_dims`"):
        LargeKernelBackbone(encoder=nn.Linear(2, 2), num_dims=2)
    with pytest.raises(ConfigError, match="Linear has no `out_channels` and no `embed` and no"):
        build_part(MODELS, tiny_model_cfg | dict(neck=nn.Linear(2, 2)))


def test_parts_of_another_project_need_no_base_class(tiny_model_cfg):
    """Only the attributes and methods count."""

    class Layerless(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed_dims, self.depth, self.layers = 12, 0, ()

        def encode(self, x, mask=None):
            return x

    model = MACBDF(
        video_backbone=Layerless(),
        audio_backbone=Layerless(),
        neck=dict(type="PlainFusionNeck"),
        head=dict(type="ForgeryMLPHead"),
    )
    assert model.neck.out_channels == 24


def test_a_missing_head_fails_when_built(tiny_model_cfg):
    with pytest.raises(ConfigError, match="`head` of type NoneType has no `loss` and no `predict`"):
        build_part(MODELS, tiny_model_cfg | dict(head=None))


def test_a_method_that_takes_other_arguments_is_named(tiny_model_cfg):
    part = build_part(MODELS, tiny_model_cfg).video_backbone
    part.encode = lambda x: x
    message = r"`video_backbone` .* has a method `encode` that does not take \(x, mask\)"
    with pytest.raises(ConfigError, match=message):
        build_part(MODELS, tiny_model_cfg | dict(video_backbone=part))
