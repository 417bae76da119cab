import pytest
import torch
from torch import nn

from macbdf_mm.errors import CheckpointMismatchError
from macbdf_mm.models.encoders.video_transformer_encoder import VideoTransformerEncoder
from macbdf_mm.models.encoders.videomae_checkpoint import from_videomae

SIZES = dict(img_size=16, patch_size=8, embed_dims=12, depth=2, num_heads=2, num_frames=4)


@pytest.fixture(scope="module")
def reference():
    from mmaction.models.backbones.vit_mae import VisionTransformer

    torch.manual_seed(5)
    module = VisionTransformer(**SIZES, return_feat_map=True).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


@pytest.fixture
def checkpoint(reference, tmp_path):
    """A recogniser's checkpoint in mmaction2's format: prefixed weights and a classifier."""
    weights = {f"backbone.{name}": value for name, value in reference.state_dict().items()}
    weights["cls_head.fc_cls.weight"] = torch.zeros(400, 12)
    path = tmp_path / "videomae.pth"
    torch.save({"meta": {}, "state_dict": weights}, path)
    return path


def pretrained(path, **sizes):
    init_cfg = dict(type="Pretrained", checkpoint=str(path))
    return VideoTransformerEncoder(**{**SIZES, **sizes}, init_cfg=init_cfg).eval()


def test_all_names_of_the_encoder_are_covered(reference):
    names = from_videomae(reference.state_dict()).keys()
    assert names == VideoTransformerEncoder(**SIZES).state_dict().keys()


def test_a_checkpoint_file_loads_by_init_cfg(reference, checkpoint):
    encoder, x = pretrained(checkpoint), torch.randn(1, 3, 4, 16, 16)
    encoder.init_weights()
    torch.testing.assert_close(encoder(x), reference(x), rtol=1e-4, atol=1e-5)


def test_it_loads_inside_a_larger_model(reference):
    """As a whole model's load_state_dict sees it: keys start with the encoder's place."""
    tower = nn.ModuleDict({"encoder": VideoTransformerEncoder(**SIZES), "other": nn.Linear(2, 2)})
    weights = {f"encoder.{name}": value for name, value in reference.state_dict().items()}
    weights |= {f"other.{name}": value for name, value in nn.Linear(2, 2).state_dict().items()}
    tower.load_state_dict(weights)
    assert torch.equal(
        tower["encoder"].blocks[1].mlp[3].weight, reference.blocks[1].mlp.layers[1].weight
    )


def test_own_checkpoints_load_unchanged():
    first, second = VideoTransformerEncoder(**SIZES), VideoTransformerEncoder(**SIZES)
    second.load_state_dict(first.state_dict())
    for name, value in second.state_dict().items():
        assert torch.equal(value, first.state_dict()[name])


def test_fewer_blocks_than_the_checkpoint_take_the_first(reference, checkpoint):
    encoder = pretrained(checkpoint, depth=1)
    encoder.init_weights()
    assert torch.equal(encoder.blocks[0].attn.qkv.weight, reference.blocks[0].attn.qkv.weight)


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        (dict(embed_dims=24), "stem.projection.weight"),
        (dict(depth=3), "blocks.2"),
        (dict(img_size=32), "position.table"),
        (dict(final_norm=True), "norm.weight"),
        (dict(stem="convolutional"), "stem.stages"),
    ],
)
def test_another_architecture_is_an_error_that_names_the_parameter(checkpoint, sizes, name):
    with pytest.raises(CheckpointMismatchError, match=f"does not fit the video encoder: .*{name}"):
        pretrained(checkpoint, **sizes).init_weights()


def test_shapes_of_both_sides_are_named(checkpoint):
    with pytest.raises(
        CheckpointMismatchError, match=r"expects shape \(24, 3, .* got shape \(12, 3, "
    ):
        pretrained(checkpoint, embed_dims=24).init_weights()
