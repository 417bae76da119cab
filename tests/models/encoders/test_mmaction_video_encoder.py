import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from macbdf_mm.errors import ArgumentError, ConfigError
from macbdf_mm.models.backbones.large_kernel_backbone import MSTLKABackbone
from macbdf_mm.models.encoders.mmaction_video_encoder import MMActionVideoEncoder
from macbdf_mm.registry import MODELS, build_part

VIT = dict(
    type="mmaction.VisionTransformer",
    img_size=16,
    patch_size=8,
    num_frames=4,
    embed_dims=16,
    depth=1,
    num_heads=2,
    return_feat_map=True,
)
SLOW = dict(type="mmaction.ResNet3dSlowOnly", depth=50, base_channels=4, pretrained=None)
SWIN = dict(
    type="mmaction.SwinTransformer3D",
    arch=dict(embed_dims=6, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1]),
    patch_size=(2, 4, 4),
    window_size=(2, 2, 2),
)


@pytest.mark.parametrize(
    ("backbone", "embed_dims", "grid"),
    [(VIT, None, (2, 2, 2)), (SLOW, 128, (4, 1, 1)), (SWIN, 48, (2, 1, 1))],
)
def test_it_is_an_encoder_of_the_video_tower(backbone, embed_dims, grid):
    encoder = dict(type="MMActionVideoEncoder", backbone=backbone, embed_dims=embed_dims)
    tower = MSTLKABackbone(encoder=encoder, depth=1, embed_dims=12).eval()
    video, mask = torch.randn(2, 3, 4, 16, 16), torch.ones(2, 4, dtype=torch.bool)
    assert tower(video, mask).shape == (2, 12, *grid)
    with torch.no_grad():
        assert torch.equal(tower.encoder(video), tower.encoder.backbone(video))


def test_frames_that_are_not_there_have_no_influence():
    encoder = MMActionVideoEncoder(VIT).eval()
    video, mask = torch.randn(1, 3, 4, 16, 16), torch.tensor([[True, True, False, False]])
    filled = video.clone()
    filled[:, :, 2:] = torch.nan
    with torch.no_grad():
        assert torch.equal(encoder(filled, mask), encoder(video, mask))
        assert encoder(video, mask)[:, :, 1].eq(0.0).all()
        assert encoder(video, mask)[:, :, 0].ne(0.0).all()


def test_the_detector_trains_with_it(tiny_model_cfg, make_packed):
    from mmengine.dataset import pseudo_collate

    cfg = copy.deepcopy(tiny_model_cfg)
    cfg["video_backbone"]["encoder"] = dict(type="MMActionVideoEncoder", backbone=VIT)
    detector = build_part(MODELS, cfg).train()
    wrapper = OptimWrapper(torch.optim.SGD(detector.parameters(), lr=0.1))
    weight = detector.video_backbone.encoder.backbone.patch_embed.projection.weight
    before = weight.detach().clone()
    detector.train_step(pseudo_collate(make_packed([(0, 0, 0), (1, 1, 1)])), wrapper)
    assert not torch.equal(weight, before)


def test_a_vector_is_no_map():
    with pytest.raises(ConfigError, match="set return_feat_map=True"):
        MMActionVideoEncoder({**VIT, "return_feat_map": False})


def test_channels_have_to_be_known_and_right():
    with pytest.raises(ConfigError, match="`ResNet3dSlowOnly` are not known: set `embed_dims`"):
        MMActionVideoEncoder(SLOW)
    encoder = MMActionVideoEncoder(SLOW, embed_dims=64)
    with pytest.raises(ArgumentError, match=r"`embed_dims` = 64, got shape \(1, 128, 4, 1, 1\)"):
        encoder(torch.zeros(1, 3, 4, 16, 16))


@pytest.mark.parametrize("backbone", [VIT, SLOW])
def test_unwrapped_backbones_are_refused_when_they_are_built(backbone):
    with pytest.raises(ConfigError, match=r"is wrapped: encoder=dict\(type='MMActionVideoEncoder'"):
        MSTLKABackbone(encoder=backbone, depth=1, embed_dims=12)


def test_pictures_are_refused():
    with pytest.raises(ArgumentError, match=r"Expected a video \(B, C, T, H, W\)"):
        MMActionVideoEncoder(VIT)(torch.zeros(1, 3, 16, 16))
