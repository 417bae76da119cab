"""Equations 17 and 18 against loops, and what must not pass between the towers.

Mutations tried, each of which fails a test here: w_v for both modalities; no 1 + in the gate; no
LayerNorm of the guide; the video's gate for the audio; gate not zero at the start; steps valid
only where both modalities are; guide read where invalid; all of the guide valid; steps not
blanked.
"""

import pytest
import torch
from torch import nn

from macbdf_mm.models.fusion.cross_modal_exchange import (
    CrossModalExchange,
    FusedSteps,
    fuse_steps,
)
from macbdf_mm.models.fusion.importance_weights import FusionWeights
from macbdf_mm.models.fusion.temporal_steps import pool_steps, resample_steps
from macbdf_mm.models.layers.step_masks import StepMasks

BATCH, DIMS, STEPS, AUDIO_STEPS = 8, 6, 4, 7


def maps(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    video = torch.randn(BATCH, DIMS, STEPS, 3, 2, generator=generator, dtype=dtype)
    audio = torch.randn(BATCH, DIMS, 5, AUDIO_STEPS, generator=generator, dtype=dtype)
    return video, audio


def all_valid():
    return StepMasks(
        torch.ones(BATCH, STEPS, dtype=torch.bool), torch.ones(BATCH, AUDIO_STEPS, dtype=torch.bool)
    )


def some_weights(dtype=torch.float64):
    video = torch.linspace(0.1, 0.9, BATCH, dtype=dtype)
    return FusionWeights(video, 1 - video)


def drawn(interaction="gated", seed=0):
    """Return an exchange with every parameter drawn, far from its start."""
    exchange = CrossModalExchange(DIMS, interaction)
    torch.manual_seed(seed)
    for parameter in exchange.parameters():
        nn.init.normal_(parameter, std=0.5)
    return exchange.double()


def exchanged(exchange, video, audio, weights, masks):
    return exchange(video, audio, fuse_steps(pool_steps(video, audio), weights, masks))


@pytest.mark.holds("Eq. 17")
def test_equation_17_against_loops():
    video, audio = maps()
    weights, masks = some_weights(), all_valid()
    masks.video[2, 3:] = False
    masks.audio[3, 4:] = False
    features, mask = fuse_steps(pool_steps(video, audio), weights, masks)
    assert features.shape == (BATCH, STEPS, DIMS)
    for clip in range(BATCH):
        # One clip, resampled by the function that has its own reference.
        sound, heard = resample_steps(
            audio[clip : clip + 1].mean(2).transpose(1, 2), masks.audio[clip : clip + 1], STEPS
        )
        for t in range(STEPS):
            expected = torch.zeros(DIMS, dtype=torch.float64)
            if masks.video[clip, t]:
                expected += weights.video[clip] * video[clip, :, t].mean(dim=(1, 2))
            if heard[0, t]:
                expected += weights.audio[clip] * sound[0, t]
            torch.testing.assert_close(features[clip, t], expected)
            assert bool(mask[clip, t]) == bool(masks.video[clip, t] or heard[0, t])


@pytest.mark.holds("Eq. 18")
def test_equation_18_gated_against_loops():
    video, audio = maps(1)
    exchange = drawn()
    fused = fuse_steps(pool_steps(*maps(2)), some_weights(), all_valid())
    new_video, new_audio = exchange(video, audio, fused)
    on_audio, _ = resample_steps(fused.features, fused.mask, AUDIO_STEPS)

    def gate(linear, x):
        deviation = x - x.mean()
        normalised = deviation / (deviation.square().mean() + 1e-5).sqrt()
        normalised = exchange.norm.weight * normalised + exchange.norm.bias
        return 1 + linear.weight @ normalised + linear.bias

    for clip in range(BATCH):
        for t in range(STEPS):
            expected = gate(exchange.video_gate, fused.features[clip, t])[:, None, None]
            torch.testing.assert_close(new_video[clip, :, t], video[clip, :, t] * expected)
        for t in range(AUDIO_STEPS):
            expected = gate(exchange.audio_gate, on_audio[clip, t])[:, None]
            torch.testing.assert_close(new_audio[clip, ..., t], audio[clip, ..., t] * expected)


@pytest.mark.holds("Eq. 18")
def test_equation_18_product_against_loops():
    video, audio = maps(1)
    fused = fuse_steps(pool_steps(*maps(2)), some_weights(), all_valid())
    new_video, new_audio = drawn("product")(video, audio, fused)
    on_audio, _ = resample_steps(fused.features, fused.mask, AUDIO_STEPS)
    for t in range(STEPS):
        expected = video[:, :, t] * fused.features[:, t, :, None, None]
        torch.testing.assert_close(new_video[:, :, t], expected)
    for t in range(AUDIO_STEPS):
        torch.testing.assert_close(new_audio[..., t], audio[..., t] * on_audio[:, t, :, None])


def test_gated_starts_as_the_identity_and_can_learn():
    video, audio = maps(dtype=torch.float32)
    exchange = CrossModalExchange(DIMS)
    new_video, new_audio = exchanged(
        exchange, video, audio, some_weights(torch.float32), all_valid()
    )
    assert torch.equal(new_video, video)
    assert torch.equal(new_audio, audio)
    (new_video.square().sum() + new_audio.square().sum()).backward()
    assert exchange.video_gate.weight.grad.abs().max() > 0
    assert exchange.audio_gate.weight.grad.abs().max() > 0


def test_product_has_nothing_to_learn():
    assert list(CrossModalExchange(DIMS, "product").parameters()) == []


@pytest.mark.parametrize("interaction", ["gated", "product"])
def test_each_modality_hears_the_other(interaction):
    video, audio = maps()
    exchange, weights, masks = drawn(interaction), some_weights(), all_valid()
    first = exchanged(exchange, video, audio, weights, masks)
    louder = exchanged(exchange, video, 3 * audio, weights, masks)
    shown = exchanged(exchange, 3 * video, audio, weights, masks)
    assert not torch.allclose(louder[0], first[0])
    assert not torch.allclose(shown[1], first[1])


@pytest.mark.parametrize("interaction", ["gated", "product"])
@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan"), float("inf")])
def test_a_masked_modality_does_not_leak(interaction, fill):
    exchange, masks = drawn(interaction), all_valid()
    masks.audio[:4] = False
    masks.video[4:] = False
    has_video = torch.arange(BATCH) < 4
    weights = FusionWeights(has_video.double(), 1 - has_video.double())
    video, audio = maps()
    expected = exchanged(exchange, video, audio, weights, masks)
    video[4:], audio[:4] = fill, fill
    filled = exchanged(exchange, video, audio, weights, masks)
    assert torch.equal(filled[0][:4], expected[0][:4])
    assert torch.equal(filled[1][4:], expected[1][4:])


@pytest.mark.parametrize("interaction", ["gated", "product"])
def test_invalid_steps_do_not_leak(interaction):
    exchange, masks = drawn(interaction), all_valid()
    masks.audio[:, 5:] = False
    video, audio = maps()
    expected = exchanged(exchange, video, audio, some_weights(), masks)
    audio[..., 5:] = float("nan")
    filled = exchanged(exchange, video, audio, some_weights(), masks)
    assert torch.equal(filled[0], expected[0])
    assert torch.equal(filled[1][..., :5], expected[1][..., :5])


@pytest.mark.parametrize("interaction", ["gated", "product"])
def test_the_audio_is_guided_by_valid_steps_alone(interaction):
    """Where neither modality is valid x_i is zero, and a neighbour's guide is not drawn to it."""
    exchange, (video, audio) = drawn(interaction), maps()
    mask = torch.ones(BATCH, STEPS, dtype=torch.bool)
    constant = torch.randn(BATCH, 1, DIMS, dtype=torch.float64).expand(-1, STEPS, -1)
    _, expected = exchange(video, audio, FusedSteps(constant, mask))
    mask[:, 3:] = False
    features = constant.masked_fill(~mask[..., None], 0.0)
    _, new_audio = exchange(video, audio, FusedSteps(features, mask))
    # The fifth of 7 audio steps lies between the third and the fourth of 4 video steps.
    torch.testing.assert_close(new_audio[..., :5], expected[..., :5])


def test_a_masked_modality_gets_no_gradient_from_the_other():
    video, audio = (tensor.requires_grad_() for tensor in maps())
    masks = all_valid()
    masks.audio[:] = False
    weights = FusionWeights(torch.ones(BATCH).double(), torch.zeros(BATCH).double())
    new_video, _ = exchanged(drawn(), video, audio, weights, masks)
    new_video.sum().backward()
    assert audio.grad.abs().max() == 0
    assert video.grad.abs().max() > 0


def test_without_audio_what_is_shared_is_the_video():
    video, audio = maps()
    masks = all_valid()
    masks.audio[:] = False
    weights = FusionWeights(torch.ones(BATCH).double(), torch.zeros(BATCH).double())
    features, mask = fuse_steps(pool_steps(video, audio), weights, masks)
    torch.testing.assert_close(features, video.mean(dim=(3, 4)).transpose(1, 2))
    assert mask.all()


def test_without_either_modality_nothing_is_shared():
    masks = StepMasks(*(torch.zeros_like(mask) for mask in all_valid()[:2]))
    features, mask = fuse_steps(pool_steps(*maps()), some_weights(), masks)
    assert features.abs().max() == 0
    assert not mask.any()


@pytest.mark.parametrize("interaction", ["gated", "product"])
def test_a_clip_is_exchanged_alike_in_any_batch(interaction):
    exchange, weights, masks = drawn(interaction).eval(), some_weights(), all_valid()
    masks.audio[1, 3:] = False
    video, audio = maps()
    together = exchanged(exchange, video, audio, weights, masks)
    for clip in range(BATCH):
        one = slice(clip, clip + 1)
        alone = exchanged(
            exchange,
            video[one],
            audio[one],
            FusionWeights(weights.video[one], weights.audio[one]),
            StepMasks(masks.video[one], masks.audio[one]),
        )
        torch.testing.assert_close(alone[0][0], together[0][clip], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(alone[1][0], together[1][clip], rtol=1e-12, atol=1e-12)


def test_state_survives_save_and_load():
    exchange, other = drawn(), CrossModalExchange(DIMS).double()
    other.load_state_dict(exchange.state_dict())
    first = exchanged(exchange, *maps(), some_weights(), all_valid())
    second = exchanged(other, *maps(), some_weights(), all_valid())
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"'gated', 'product' or 'none', got 'sum'"):
        CrossModalExchange(DIMS, "sum")
    video, audio = maps()
    fused = FusedSteps(torch.zeros(BATCH, 1, DIMS), torch.ones(BATCH, 1, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"for the 4 steps of the video, got 1"):
        drawn()(video, audio, fused)
    masks = StepMasks(all_valid().video[:, :2], all_valid().audio)
    with pytest.raises(ValueError, match=r"Expected masks of shapes \(8, 4\)"):
        fuse_steps(pool_steps(video, audio), some_weights(), masks)
