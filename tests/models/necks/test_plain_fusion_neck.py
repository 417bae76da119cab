import pytest
import torch

from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.models.necks.plain_fusion_neck import PlainFusionNeck


@pytest.fixture
def neck():
    neck = PlainFusionNeck(6, 4)
    torch.nn.init.normal_(neck.missing_video)
    torch.nn.init.normal_(neck.missing_audio)
    return neck


def all_valid(batch, video_steps=3, audio_steps=5):
    return StepMasks(
        torch.ones(batch, video_steps, dtype=torch.bool),
        torch.ones(batch, audio_steps, dtype=torch.bool),
    )


def test_means_of_the_last_maps_stand_side_by_side(neck):
    video, audio = torch.randn(2, 6, 3, 2, 2), torch.randn(2, 4, 7, 5)
    earlier = (torch.full_like(video, torch.nan), torch.full_like(audio, torch.nan))
    fused = neck.fuse([earlier, (video, audio)], None, all_valid(2))
    assert fused.shape == (2, neck.out_channels) == (2, 10)
    expected = torch.cat([video.mean((2, 3, 4)), audio.mean((2, 3))], dim=1)
    torch.testing.assert_close(fused, expected)


def test_a_missing_track_is_its_learnt_embedding(neck):
    masks = all_valid(2)
    masks.video[0] = False
    masks.audio[1] = False
    video, audio = torch.randn(2, 6, 3, 2, 2), torch.randn(2, 4, 7, 5)
    video[0], audio[1] = torch.nan, torch.inf
    fused = neck.fuse([(video, audio)], None, masks)
    assert torch.equal(fused[0, :6], neck.missing_video)
    assert torch.equal(fused[1, 6:], neck.missing_audio)
    torch.testing.assert_close(fused[1, :6], video[1].mean((1, 2, 3)))
    fused.sum().backward()
    assert neck.missing_video.grad.eq(1.0).all()


def test_embeddings_of_missing_tracks_are_always_in_the_graph(neck):
    """Distributed training fails on a parameter that some batches leave without a gradient."""
    maps = torch.randn(2, 6, 3, 2, 2), torch.randn(2, 4, 7, 5)
    neck.fuse([maps], None, all_valid(2)).sum().backward()
    assert all(parameter.grad is not None for parameter in neck.parameters())


@pytest.mark.holds("model.neck.type")
def test_weights_are_one_half_and_nothing_is_exchanged(neck):
    before = torch.randn(3, 6, 3, 2, 2), torch.randn(3, 4, 7, 5)
    extracted = torch.randn(3, 6, 3, 2, 2), torch.randn(3, 4, 7, 5)
    weights = neck.weigh(*before, neck.embed(*before, all_valid(3)), all_valid(3))
    assert [weight.tolist() for weight in weights] == [[0.5] * 3] * 2
    exchanged = neck.exchange(0, before, extracted, weights, all_valid(3))
    assert exchanged[0] is extracted[0]
    assert exchanged[1] is extracted[1]


def test_it_has_no_losses_of_its_own(neck):
    assert neck.loss(None, None, [], all_valid(0)) == {}
