import pytest
import torch
from torch.nn.functional import interpolate

from macbdf_mm.models.encoders.video_transformer_encoder import (
    VideoTransformerEncoder,
    append_frame_difference,
)
from macbdf_mm.models.encoders.videomae_checkpoint import from_videomae

SIZES = dict(img_size=32, patch_size=8, embed_dims=24, depth=3, num_heads=4, num_frames=8)


@pytest.fixture(scope="module")
def reference():
    """mmaction2's own module, all weights and biases random."""
    from mmaction.models.backbones.vit_mae import VisionTransformer

    torch.manual_seed(3)
    module = VisionTransformer(**SIZES, return_feat_map=True).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


@pytest.fixture
def encoder(reference):
    encoder = VideoTransformerEncoder(**SIZES).eval()
    encoder.load_state_dict(from_videomae(reference.state_dict()))
    return encoder


@pytest.mark.holds("3.1, encoders", "video encoder")
@pytest.mark.parametrize("size", [(8, 32, 32), (8, 48, 40)])
def test_features_equal_those_of_mmaction2(reference, encoder, size):
    """The second size makes both interpolate their positions in space."""
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        # float32 through three blocks whose softmax is computed in another order.
        torch.testing.assert_close(encoder(x), reference(x), rtol=1e-4, atol=1e-5)


@pytest.mark.holds("video encoder")
def test_gradients_equal_those_of_mmaction2(reference, encoder):
    x = torch.randn(1, 3, 8, 32, 32)
    for module in (reference, encoder):
        module.zero_grad()
        module(x).square().mean().backward()
    expected = from_videomae(
        {name: p.grad for name, p in reference.named_parameters() if p.grad is not None}
    )
    own = {name: p.grad for name, p in encoder.named_parameters()}
    assert own.keys() == expected.keys()
    for name, grad in own.items():
        scale = expected[name].abs().max().item()
        torch.testing.assert_close(grad, expected[name], rtol=1e-3, atol=1e-4 * scale, msg=name)


def test_more_frames_than_in_pretraining(encoder):
    """mmaction2 fails here; positions are interpolated linearly between the trained steps."""
    table = encoder.position.table.detach().view(1, 4, 16, 24)
    expected = interpolate(table.permute(0, 2, 3, 1).reshape(1, -1, 4), size=8, mode="linear")
    expected = expected.view(16, 24, 8).permute(2, 0, 1).reshape(1, -1, 24)
    torch.testing.assert_close(encoder.position((8, 4, 4)), expected)
    assert encoder(torch.randn(1, 3, 16, 32, 32)).shape == (1, 24, 8, 4, 4)


def test_a_size_that_the_patch_does_not_divide_is_refused(encoder):
    with pytest.raises(ValueError, match=r"multiples of the patch \(2, 8, 8\), got \(8, 32, 30\)"):
        encoder(torch.zeros(1, 3, 8, 32, 30))
    with pytest.raises(ValueError, match=r"got \(8, 30, 30\)"):
        VideoTransformerEncoder(**{**SIZES, "img_size": 30})


def test_oblong_frames_are_stated_as_height_and_width():
    encoder = VideoTransformerEncoder(**{**SIZES, "img_size": (16, 32)})
    assert encoder.position.grid == (4, 2, 4)


def test_with_frame_differences_a_blanked_frame_still_has_no_influence():
    torch.manual_seed(0)
    encoder = VideoTransformerEncoder(
        img_size=16,
        num_frames=4,
        patch_size=8,
        embed_dims=12,
        depth=1,
        num_heads=2,
        stem="convolutional",
        difference_gain=4.0,
    ).eval()
    video = torch.randn(2, 3, 4, 16, 16)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    garbage = video.clone()
    garbage[1, :, 2:] = float("nan")
    features = encoder(video, mask)
    assert torch.equal(features, encoder(garbage, mask))
    # The difference reaches the features: another order of frames, another result.
    assert not torch.allclose(features[0], encoder(video.flip(2), mask)[0].flip(1), atol=1e-3)


def test_a_negative_gain_is_refused():
    with pytest.raises(ValueError, match=r"`difference_gain` >= 0, got -1"):
        VideoTransformerEncoder(difference_gain=-1)


def loop_reference(video, mask, gain):
    batch, channels, frames = video.shape[:3]
    out = torch.zeros(batch, 2 * channels, *video.shape[2:], dtype=video.dtype)
    for b in range(batch):
        for t in range(frames):
            out[b, :channels, t] = video[b, :, t]
            if t > 0 and mask[b, t] and mask[b, t - 1]:
                out[b, channels:, t] = gain * (video[b, :, t] - video[b, :, t - 1])
    return out


def test_against_a_loop_over_frames():
    torch.manual_seed(0)
    video = torch.randn(3, 2, 5, 4, 3, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [0, 1, 1, 0, 0]], dtype=torch.bool)
    video = video.masked_fill(~mask[:, None, :, None, None], 0.0)
    expected = loop_reference(video, mask, 3.0)
    torch.testing.assert_close(append_frame_difference(video, mask, 3.0), expected)


def test_without_a_mask_all_frames_are_valid():
    video = torch.randn(2, 3, 4, 2, 2)
    everything = torch.ones(2, 4, dtype=torch.bool)
    torch.testing.assert_close(
        append_frame_difference(video, None, 2.0), append_frame_difference(video, everything, 2.0)
    )


def test_a_still_video_has_no_difference():
    still = torch.randn(1, 3, 1, 4, 4).expand(-1, -1, 6, -1, -1)
    assert append_frame_difference(still, None, 4.0)[:, 3:].abs().max() == 0
