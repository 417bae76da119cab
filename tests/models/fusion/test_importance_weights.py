"""Fusion weights against torch's attention and Equation 10 by hand.

Mutations tried, each of which fails a test here: gamma and 1 - gamma swapped; epsilon subtracted;
epsilon left out; no activation; ReLU for softplus; dead at the start; one importance for both
modalities; attention without its mask; tokens not blanked; missing video weighed; division by a sum
of zero; distance of a missing audio read; clips with one track counted in the log.
"""

import copy
import math

import pytest
import torch
from torch import nn

from macbdf_mm.models.fusion.importance_weights import (
    FusionWeights,
    ImportanceWeights,
    TokenImportance,
    weight_log,
)

BATCH, DIMS, NUM_VIDEO, NUM_AUDIO = 8, 12, 6, 5


def clip_inputs(seed=0):
    """Return the arguments of a forward: tokens, masks (first clips partly masked), distances."""
    generator = torch.Generator().manual_seed(seed)
    video = torch.randn(BATCH, NUM_VIDEO, DIMS, generator=generator)
    audio = torch.randn(BATCH, NUM_AUDIO, DIMS, generator=generator)
    video_mask = torch.ones(BATCH, NUM_VIDEO, dtype=torch.bool)
    audio_mask = torch.ones(BATCH, NUM_AUDIO, dtype=torch.bool)
    video_mask[0, 4:] = False
    audio_mask[1, :2] = False
    distances = torch.rand(2, BATCH, generator=generator)
    return [video, audio, video_mask, audio_mask, distances[0], distances[1]]


def drop(inputs, modality, clip):
    inputs[2 if modality == "video" else 3][clip] = False
    return inputs


def drawn(weights, seed=1):
    """Return the module with every parameter drawn anew, far from its start."""
    torch.manual_seed(seed)
    for parameter in weights.parameters():
        nn.init.normal_(parameter, std=0.4)
    return weights


@torch.no_grad()
def reference_importance(module, tokens, mask):
    """The importance of one clip (N, C), with torch's own attention on the valid tokens."""
    ours = module.attention
    theirs = nn.MultiheadAttention(DIMS, ours.num_heads, batch_first=True).double()
    theirs.in_proj_weight.copy_(ours.qkv.weight)
    theirs.in_proj_bias.copy_(torch.cat([ours.q_bias, torch.zeros(DIMS), ours.v_bias]))
    theirs.out_proj.load_state_dict(ours.proj.state_dict())
    kept = module.norm(tokens[mask].double())[None]
    attended, _ = theirs(kept, kept, kept)
    score = module.mapping(attended[0].mean(dim=0)).item()
    return max(0.0, score) if module.activation == "relu" else math.log1p(math.exp(score))


@pytest.mark.holds("Eq. 10", "importance attention, RFMF", "model.neck.weights.activation")
@pytest.mark.parametrize("activation", ["relu", "softplus"])
@pytest.mark.parametrize("weight_norm", [True, False])
def test_equation_10_against_torchs_attention(weight_norm, activation):
    weights = drawn(
        ImportanceWeights(DIMS, num_heads=3, weight_norm=weight_norm, activation=activation)
    )
    inputs = clip_inputs()
    ours = weights(*inputs)
    exact = copy.deepcopy(weights).double()
    video, audio, video_mask, audio_mask, video_distance, audio_distance = inputs
    gamma = 1 / (1 + math.exp(-exact.balance_logit.item()))
    for clip in range(BATCH):
        video_score = reference_importance(exact.video_importance, video[clip], video_mask[clip])
        audio_score = reference_importance(exact.audio_importance, audio[clip], audio_mask[clip])
        w_v = gamma * video_score + (1 - gamma) / (video_distance[clip].item() + 0.1)
        w_a = gamma * audio_score + (1 - gamma) / (audio_distance[clip].item() + 0.1)
        total = w_v + w_a if weight_norm else 1.0
        # Float32 against float64, and 1e-6 is added before the division.
        assert ours.video[clip].item() == pytest.approx(w_v / total, rel=2e-5, abs=2e-6)
        assert ours.audio[clip].item() == pytest.approx(w_a / total, rel=2e-5, abs=2e-6)
        expected = pytest.approx([video_score, audio_score], rel=2e-5, abs=2e-6)
        assert ours.importances[clip].tolist() == expected


def test_gamma_starts_in_the_middle_and_shifts_between_the_parts():
    weights = ImportanceWeights(DIMS, weight_norm=False)
    inputs = clip_inputs()
    assert weights.balance_logit.sigmoid().item() == 0.5
    attention = weights.video_importance(inputs[0], inputs[2])
    torch.testing.assert_close(weights(*inputs).video, 0.5 * attention + 0.5 / (inputs[4] + 0.1))
    weights.balance_logit.data.fill_(30.0)
    torch.testing.assert_close(weights(*inputs).video, attention)
    weights.balance_logit.data.fill_(-30.0)
    torch.testing.assert_close(weights(*inputs).video, 1 / (inputs[4] + 0.1))


def test_normalised_weights_add_up_to_one():
    video, audio, _ = drawn(ImportanceWeights(DIMS))(*clip_inputs())
    torch.testing.assert_close(video + audio, torch.ones(BATCH))
    assert (video > 0).all()
    assert (audio > 0).all()


def test_the_nearer_modality_counts_more():
    weights = ImportanceWeights(DIMS)
    inputs = clip_inputs()
    inputs[4], inputs[5] = torch.full((BATCH,), 0.1), torch.full((BATCH,), 0.9)
    far = weights(*inputs)
    inputs[4], inputs[5] = inputs[5], inputs[4]
    near = weights(*inputs)
    assert (far.video > far.audio).all()
    assert (near.video < near.audio).all()


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e3])
def test_importance_starts_near_one_for_any_scale_of_tokens(scale, activation):
    for seed in range(5):
        torch.manual_seed(seed)
        module = TokenImportance(DIMS, num_heads=4, activation=activation)
        video, _, mask, *_ = clip_inputs(seed)
        importance = module(scale * video, mask)
        assert ((importance > 0.8) & (importance < 1.2)).all()


@pytest.mark.parametrize(("activation", "recovers"), [("softplus", True), ("relu", False)])
def test_an_importance_that_was_driven_to_zero_comes_back(activation, recovers):
    """A ReLU that is zero for every clip has no gradient, whatever the loss asks for."""
    torch.manual_seed(0)
    module = TokenImportance(DIMS, num_heads=4, activation=activation)
    video, _, mask, *_ = clip_inputs()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)

    def step(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(20):
        step(module(video, mask).sum())
    assert module(video, mask).max() < 0.05
    for _ in range(60):
        step(-module(video, mask).sum())
    importance = module(video, mask)
    assert importance.min() > 1.0 if recovers else importance.max() == 0.0


def test_the_log_counts_dead_importances_of_clips_with_both_tracks():
    importances = torch.tensor([[0.0, 1.0], [0.5, 0.0009], [0.0, 0.0], [0.002, 2.0], [0.0, 3.0]])
    video = torch.tensor([0.1, 0.3, 0.0, 0.8, 1.0])
    seen = torch.tensor([[True, True], [True, True], [False, True], [True, True], [True, False]])
    log = weight_log(FusionWeights(video, 1 - video, importances), seen)
    assert log["importance_zeros_video"].item() == pytest.approx(1 / 3)
    assert log["importance_zeros_audio"].item() == pytest.approx(1 / 3)
    assert log["weight_video"].item() == pytest.approx(0.4)
    alone = weight_log(FusionWeights(video, 1 - video, importances), seen & ~seen.all(1)[:, None])
    assert [value.item() for value in alone.values()] == [0.0, 0.0, 0.5]


def test_the_log_of_weights_without_importances_is_empty():
    weights = ImportanceWeights(DIMS, weighting="equal")(*clip_inputs())
    assert weight_log(weights, torch.ones(BATCH, 2, dtype=torch.bool)) == {}


def test_every_parameter_has_a_gradient_from_the_start():
    torch.manual_seed(0)
    weights = ImportanceWeights(DIMS)
    weights(*clip_inputs()).video.sum().backward()
    without = [
        name
        for name, parameter in weights.named_parameters()
        if parameter.grad is None or parameter.grad.abs().max() == 0
    ]
    assert without == []


def test_gradient_reaches_the_distances_and_tokens():
    inputs = clip_inputs()
    for index in (0, 1, 4, 5):
        inputs[index].requires_grad_()
    ImportanceWeights(DIMS)(*inputs).video.sum().backward()
    assert (inputs[4].grad < 0).all()
    assert (inputs[5].grad > 0).all()
    assert inputs[0].grad.abs().max() > 0
    assert inputs[0].grad[0, 4:].abs().max() == 0


def test_a_clip_has_the_same_weights_in_any_batch():
    weights = drawn(ImportanceWeights(DIMS)).eval()
    inputs = drop(clip_inputs(), "audio", 2)
    together = weights(*inputs)
    for clip in range(BATCH):
        alone = weights(*(value[clip : clip + 1] for value in inputs))
        # Matrix products of other sizes round differently in the last bits.
        torch.testing.assert_close(alone.video[0], together.video[clip], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(alone.audio[0], together.audio[clip], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighting", ["adaptive", "equal"])
@pytest.mark.parametrize("weight_norm", [True, False])
def test_a_missing_modality_weighs_nothing_and_the_other_all(weighting, weight_norm):
    weights = ImportanceWeights(DIMS, weighting=weighting, weight_norm=weight_norm)
    inputs = drop(drop(clip_inputs(), "audio", 3), "video", 4)
    drop(drop(inputs, "audio", 5), "video", 5)
    video, audio, _ = weights(*inputs)
    assert (video[3].item(), audio[3].item()) == (1.0, 0.0)
    assert (video[4].item(), audio[4].item()) == (0.0, 1.0)
    assert (video[5].item(), audio[5].item()) == (0.0, 0.0)
    assert (video[:3] > 0).all()
    assert (audio[:3] > 0).all()


@pytest.mark.parametrize("fill", [0.0, -7.0, 1e8, float("nan"), float("inf")])
def test_what_fills_the_masked_tokens_is_never_read(fill):
    weights = drawn(ImportanceWeights(DIMS))
    inputs = drop(clip_inputs(), "audio", 3)
    expected = weights(*inputs)
    inputs[0] = inputs[0].masked_fill(~inputs[2][..., None], fill)
    inputs[1] = inputs[1].masked_fill(~inputs[3][..., None], fill)
    inputs[5][3] = fill
    filled = weights(*inputs)
    assert torch.equal(filled.video, expected.video)
    assert torch.equal(filled.audio, expected.audio)


def test_a_clip_without_media_gives_finite_gradients():
    weights = ImportanceWeights(DIMS)
    inputs = drop(drop(clip_inputs(), "audio", 3), "video", 3)
    inputs[4][3] = inputs[5][3] = float("nan")  # the distance of no embedding
    sum(weights(*inputs)[:2]).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in weights.parameters())


def test_dead_and_saturated_weights_are_halves_not_nan():
    weights = ImportanceWeights(DIMS)
    weights.balance_logit.data.fill_(200.0)  # sigmoid rounds to 1: the distance part is gone
    for module in (weights.video_importance, weights.audio_importance):
        module.mapping[-1].bias.data.fill_(-1e3)  # and the importance is zero
    video, audio, _ = weights(*clip_inputs())
    torch.testing.assert_close(video, torch.full((BATCH,), 0.5))
    torch.testing.assert_close(audio, torch.full((BATCH,), 0.5))


def test_equal_weighting_is_one_half_and_has_nothing_to_learn():
    weights = ImportanceWeights(DIMS, weighting="equal")
    video, audio, _ = weights(*clip_inputs())
    assert video.tolist() == audio.tolist() == [0.5] * BATCH
    assert list(weights.parameters()) == []


def test_state_survives_save_and_load():
    weights, other = drawn(ImportanceWeights(DIMS)), ImportanceWeights(DIMS)
    other.load_state_dict(weights.state_dict())
    assert torch.equal(other(*clip_inputs()).video, weights(*clip_inputs()).video)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`epsilon` > 0, got 0"):
        ImportanceWeights(DIMS, epsilon=0)
    with pytest.raises(ValueError, match=r"`weighting` 'adaptive' or 'equal', got 'none'"):
        ImportanceWeights(DIMS, weighting="none")
    with pytest.raises(ValueError, match=r"`activation` 'softplus' or 'relu', got 'gelu'"):
        ImportanceWeights(DIMS, activation="gelu")
    with pytest.raises(ValueError, match=r"`num_heads` to divide `embed_dims`=12, got 5"):
        ImportanceWeights(DIMS, num_heads=5)
