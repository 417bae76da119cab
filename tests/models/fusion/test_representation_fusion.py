"""RFMF against torch's own attention with equal weights.

Mutations tried, each of which fails a test here: attention without its mask; video before audio;
one embedding for all layers; no modality embedding; no time code; time counted in steps; steps not
blanked; plain mean over all tokens; no bias of the keys; a bias without the number of tokens, or
without the weights; weights of video and audio swapped; tokens scaled before the blocks, or not at
all; shares not divided by their mean; a missing track not replaced.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

from macbdf_mm.models.fusion.importance_weights import FusionWeights
from macbdf_mm.models.fusion.representation_fusion import (
    RepresentationFusion,
    modality_shares,
    relative_time_code,
)
from macbdf_mm.models.fusion.temporal_steps import PooledSteps
from macbdf_mm.models.layers.step_masks import StepMasks

BATCH, DIMS, STEPS, AUDIO_STEPS, LAYERS, HEADS = 8, 12, 4, 6, 3, 3


def layers(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        PooledSteps(
            torch.randn(BATCH, STEPS, DIMS, generator=generator),
            torch.randn(BATCH, AUDIO_STEPS, DIMS, generator=generator),
        )
        for _ in range(LAYERS)
    ]


def some_masks():
    """Return masks with every case: whole, partly valid, one modality only."""
    masks = StepMasks(
        torch.ones(BATCH, STEPS, dtype=torch.bool), torch.ones(BATCH, AUDIO_STEPS, dtype=torch.bool)
    )
    masks.video[1, 2:] = False
    masks.audio[2, :3] = False
    masks.audio[3] = False
    masks.video[4] = False
    return masks


def drawn(seed=0, **kwargs):
    """Return a module with every parameter drawn, so that each of them matters."""
    fusion = RepresentationFusion(DIMS, LAYERS, num_heads=HEADS, **kwargs)
    torch.manual_seed(seed)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.4)
    return fusion.eval()


def torchs_block(block):
    """Return torch's pre-norm encoder layer with the weights of ours."""
    layer = nn.TransformerEncoderLayer(
        DIMS, HEADS, 4 * DIMS, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
    )
    attention = block.attn
    bias = torch.cat([attention.q_bias, torch.zeros(DIMS), attention.v_bias])
    layer.self_attn.in_proj_weight.data.copy_(attention.qkv.weight.data)
    layer.self_attn.in_proj_bias.data.copy_(bias.data)
    layer.self_attn.out_proj.load_state_dict(attention.proj.state_dict())
    layer.norm1.load_state_dict(block.norm1.state_dict())
    layer.norm2.load_state_dict(block.norm2.state_dict())
    layer.linear1.load_state_dict(block.mlp[0].state_dict())
    layer.linear2.load_state_dict(block.mlp[3].state_dict())
    return layer


def reference_tokens(fusion, steps, masks, clip):
    """Return the valid tokens of one clip, [a_1, v_1, ..., a_n, v_n], in plain loops."""
    tokens = []
    for layer in range(LAYERS):
        for row, name in enumerate(("audio", "video")):
            values, mask = getattr(steps[layer], name)[clip], getattr(masks, name)[clip]
            for t in range(len(values)):
                if not mask[t]:
                    continue
                moment = 100.0 * (t + 0.5) / len(values)
                code = [
                    (np.sin, np.cos)[c % 2](moment / 10000.0 ** ((c - c % 2) / DIMS))
                    for c in range(DIMS)
                ]
                tokens.append(
                    fusion.token_norm(values[t])
                    + fusion.layer_embedding[layer]
                    + fusion.modality_embedding[row]
                    + torch.tensor(code, dtype=torch.float32)
                )
    return torch.stack(tokens)


def some_weights():
    """Return weights of every kind; a track that is not there has 0, and stands alone with 1."""
    video = torch.tensor([0.5, 0.2, 0.8, 1.0, 0.0, 0.9, 0.5, 0.01])
    return FusionWeights(video, 1 - video)


def is_audio_token(masks, clip):
    """Return which of the valid tokens of a clip are the audio's, in the order of the sequence."""
    pair = [True] * int(masks.audio[clip].sum()) + [False] * int(masks.video[clip].sum())
    return torch.tensor(pair * LAYERS)


@pytest.mark.holds("3.3, RFMF", "importance attention, RFMF", "model.neck.fusion.readout")
@pytest.mark.parametrize("depth", [1, 2])
def test_against_torchs_attention_on_the_valid_tokens(depth):
    """One mean over all tokens, which count alike."""
    fusion, steps, masks = drawn(depth=depth, readout="all_tokens"), layers(), some_masks()
    blocks = [torchs_block(block).train() for block in fusion.blocks]
    fused = fusion(steps, masks)
    assert fused.shape == (BATCH, fusion.out_channels) == (BATCH, DIMS)
    for clip in range(BATCH):
        tokens = reference_tokens(fusion, steps, masks, clip)[None]
        for block in blocks:
            tokens = block(tokens)
        expected = fusion.norm(tokens)[0].mean(dim=0)
        torch.testing.assert_close(fused[clip], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.holds(
    "3.3, RFMF",
    "3.2.2, where the weights act",
    "importance attention, RFMF",
    "model.neck.weight_tokens",
)
@pytest.mark.parametrize("weights", [None, some_weights()], ids=["alike", "weighted"])
@pytest.mark.parametrize("readout", ["per_modality", "all_tokens"])
def test_weights_against_torchs_attention(readout, weights):
    """A modality's keys count by its weight, over their number where modalities count alike."""
    fusion, steps, masks = drawn(depth=2, readout=readout), layers(), some_masks()
    blocks = [torchs_block(block).train() for block in fusion.blocks]
    fused = fusion(steps, masks, weights)
    assert fused.shape == (BATCH, fusion.out_channels)
    for clip in range(BATCH):
        is_audio = is_audio_token(masks, clip)
        number = {True: int(is_audio.sum()), False: int((~is_audio).sum())}
        share = {True: 1.0, False: 1.0}
        if weights is not None and 0 not in number.values():
            share = {True: 2 * weights.audio[clip], False: 2 * weights.video[clip]}
        per_key = {
            key: float(share[key]) / (number[key] if readout == "per_modality" else 1)
            for key in number
            if number[key]
        }
        bias = torch.tensor([math.log(per_key[key]) for key in is_audio.tolist()])
        tokens = reference_tokens(fusion, steps, masks, clip)[None]
        for block in blocks:
            tokens = block(tokens, src_mask=bias.expand(len(bias), -1))
        tokens = fusion.norm(tokens)[0]
        tokens = tokens * torch.tensor([float(share[key]) for key in is_audio.tolist()])[:, None]
        if readout == "all_tokens":
            expected = tokens.mean(dim=0)
        else:
            audio = tokens[is_audio].mean(dim=0) if number[True] else fusion.missing_audio
            video = tokens[~is_audio].mean(dim=0) if number[False] else fusion.missing_video
            expected = torch.cat([audio, video])
        torch.testing.assert_close(fused[clip], expected, rtol=1e-4, atol=1e-5)


def all_valid():
    return StepMasks(
        torch.ones(BATCH, STEPS, dtype=torch.bool), torch.ones(BATCH, AUDIO_STEPS, dtype=torch.bool)
    )


def test_the_number_of_steps_of_a_modality_does_not_matter(monkeypatch):
    """A clip with 6 steps of audio, and with 24 that say the same."""
    fusion, steps, masks = drawn(depth=2), layers(), all_valid()
    # The clock tells the copies of a step apart, so it is stopped.
    monkeypatch.setattr(
        "macbdf_mm.models.fusion.representation_fusion.relative_time_code",
        lambda num_steps, embed_dims, device: torch.zeros(num_steps, embed_dims),
    )
    copied = [PooledSteps(layer.video, layer.audio.repeat_interleave(4, dim=1)) for layer in steps]
    more = StepMasks(masks.video, masks.audio.repeat_interleave(4, dim=1))
    for weights in (None, FusionWeights(torch.full((BATCH,), 0.3), torch.full((BATCH,), 0.7))):
        # Sums over four times as many terms.
        torch.testing.assert_close(
            fusion(copied, more, weights), fusion(steps, masks, weights), rtol=1e-4, atol=1e-5
        )
    former = drawn(depth=2, readout="all_tokens")
    assert (former(copied, more) - former(steps, masks)).abs().max() > 0.1


@pytest.mark.parametrize("readout", ["per_modality", "all_tokens"])
def test_equal_weights_and_lone_tracks_change_nothing(readout):
    fusion, steps, masks = drawn(readout=readout), layers(), some_masks()
    lone = ~masks.seen.all(dim=1)
    # Whatever weight a lone track has, it is all that there is.
    weight = torch.where(lone, torch.linspace(0.1, 3.0, BATCH), 0.4)
    plain = fusion(steps, masks)
    for weights in (FusionWeights(weight, weight), FusionWeights(*torch.zeros(2, BATCH))):
        torch.testing.assert_close(fusion(steps, masks, weights), plain, rtol=1e-5, atol=1e-6)


def test_shares_are_weights_over_their_mean():
    masks = some_masks()
    masks.video[5], masks.audio[5] = False, False
    shares = modality_shares(some_weights(), masks)
    expected = [[1, 1], [1.6, 0.4], [0.4, 1.6], [0, 1], [1, 0], [0, 0], [1, 1], [1.98, 0.02]]
    torch.testing.assert_close(shares, torch.tensor(expected))
    unbounded = FusionWeights(*(20 * weight for weight in some_weights()[:2]))
    torch.testing.assert_close(modality_shares(unbounded, masks), shares)


@pytest.mark.parametrize("readout", ["per_modality", "all_tokens"])
def test_a_track_of_weight_zero_has_no_influence(readout):
    """Neither its own tokens nor what the other track's gather from it."""
    fusion, steps, masks = drawn(readout=readout), layers(), all_valid()
    other = [PooledSteps(layer.video.flip(0), layer.audio) for layer in steps]
    moved = []
    for weight in (0.5, 0.01, 0.0):
        video = torch.full((BATCH,), weight)
        weights = FusionWeights(video, 1 - video)
        moved.append((fusion(other, masks, weights) - fusion(steps, masks, weights)).abs().max())
    assert moved[0] > 0.02
    assert moved[1] < 0.5 * moved[0]
    assert moved[2] < 1e-3 * moved[0]


def test_the_gradient_reaches_the_weights_and_every_parameter():
    fusion, steps, masks = drawn(), layers(), some_masks()
    video, audio = (weight.clone().requires_grad_() for weight in some_weights()[:2])
    fusion(steps, masks, FusionWeights(video, audio)).square().sum().backward()
    both = masks.seen.all(dim=1)
    assert video.grad[both].abs().min() > 0
    assert audio.grad[both].abs().min() > 0
    assert video.grad[~both].abs().max() == 0
    assert all(parameter.grad.abs().max() > 0 for parameter in fusion.parameters())


def test_mixed_precision_gives_the_same_within_its_own():
    """The bias of the keys has to have the type of the queries, and a gradient in it."""
    fusion, steps, masks = drawn(), layers(), some_masks()
    exact = fusion(steps, masks, some_weights())
    video, audio = (weight.clone().requires_grad_() for weight in some_weights()[:2])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = fusion(steps, masks, FusionWeights(video, audio))
    assert mixed.dtype == torch.float32
    # bfloat16 has 8 bits, and the parameters are drawn large.
    torch.testing.assert_close(mixed, exact, rtol=0.1, atol=0.1)
    mixed.square().sum().backward()
    assert video.grad.isfinite().all()


def test_a_missing_track_is_its_learnt_embedding():
    fusion, steps, masks = drawn(), layers(), some_masks()
    audio, video = fusion(steps, masks, some_weights()).split(DIMS, dim=1)
    assert torch.equal(audio[3], fusion.missing_audio)
    assert torch.equal(video[4], fusion.missing_video)
    is_seen = (audio != fusion.missing_audio).any(dim=1)
    assert is_seen.tolist() == masks.audio.any(dim=1).tolist()


def test_embeddings_of_missing_tracks_are_always_in_the_graph():
    """Distributed training fails on a parameter that some batches leave without a gradient."""
    fusion = drawn()
    fusion(layers(), all_valid()).sum().backward()
    assert all(parameter.grad is not None for parameter in fusion.parameters())


def test_order_of_the_tokens():
    fusion, steps, masks = drawn(), layers(), some_masks()
    tokens, mask = fusion.tokenise(steps, masks)
    assert tokens.shape == (BATCH, LAYERS * (STEPS + AUDIO_STEPS), DIMS)
    for clip in range(BATCH):
        torch.testing.assert_close(
            tokens[clip][mask[clip]], reference_tokens(fusion, steps, masks, clip)
        )


def test_the_same_moment_has_the_same_code_in_both_modalities():
    # The middle of step t of 4 is the middle of step 3 t + 1 of 12.
    coarse = relative_time_code(4, DIMS, torch.device("cpu"))
    fine = relative_time_code(12, DIMS, torch.device("cpu"))
    torch.testing.assert_close(coarse, fine[1::3])
    assert torch.cdist(fine, fine).add(torch.eye(12)).min() > 1e-2


@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan"), float("inf")])
def test_what_fills_masked_steps_is_never_read(fill):
    fusion, steps, masks = drawn(), layers(), some_masks()
    expected = fusion(steps, masks, some_weights())
    for layer in steps:
        layer.video[~masks.video] = fill
        layer.audio[~masks.audio] = fill
    assert torch.equal(fusion(steps, masks, some_weights()), expected)


def test_a_clip_is_fused_alike_in_any_batch():
    fusion, steps, masks = drawn(), layers(), some_masks()
    together = fusion(steps, masks, some_weights())
    for clip in range(BATCH):
        one = slice(clip, clip + 1)
        alone = fusion(
            [PooledSteps(layer.video[one], layer.audio[one]) for layer in steps],
            StepMasks(masks.video[one], masks.audio[one]),
            FusionWeights(*(weight[one] for weight in some_weights()[:2])),
        )
        # Matrix products of other sizes round differently in the last bits.
        torch.testing.assert_close(alone[0], together[clip], rtol=1e-4, atol=1e-5)


def test_layers_and_moments_can_be_told_apart():
    fusion, steps, masks = drawn(), layers(), some_masks()
    fused = fusion(steps, masks)
    assert not torch.allclose(fusion(steps[::-1], masks), fused, atol=1e-3)
    backwards = [PooledSteps(layer.video.flip(1), layer.audio.flip(1)) for layer in steps]
    assert not torch.allclose(fusion(backwards, masks)[0], fused[0], atol=1e-3)


def test_modalities_can_be_told_apart():
    fusion = drawn()
    steps = [PooledSteps(layer.video, layer.video.flip(0)) for layer in layers()]
    swapped = [PooledSteps(layer.audio, layer.video) for layer in steps]
    mask = torch.ones(BATCH, STEPS, dtype=torch.bool)
    masks = StepMasks(mask, mask)
    assert not torch.allclose(fusion(swapped, masks), fusion(steps, masks), atol=1e-3)


@pytest.mark.parametrize("readout", ["per_modality", "all_tokens"])
def test_a_clip_without_media_reads_nothing_and_has_finite_gradients(readout):
    fusion, steps, masks = drawn(readout=readout), layers(), some_masks()
    masks.video[5], masks.audio[5] = False, False
    fused = fusion(steps, masks, some_weights())
    fused.square().sum().backward()
    if readout == "all_tokens":
        assert fused[5].abs().max() == 0
    else:
        assert torch.equal(fused[5], torch.cat([fusion.missing_audio, fusion.missing_video]))
    assert all(torch.isfinite(parameter.grad).all() for parameter in fusion.parameters())


def test_masked_steps_get_no_gradient_and_valid_ones_do():
    fusion, steps, masks = drawn(), layers(), some_masks()
    for layer in steps:
        layer.video.requires_grad_()
        layer.audio.requires_grad_()
    fusion(steps, masks).square().sum().backward()
    for layer in steps:
        assert layer.audio.grad[~masks.audio].abs().max() == 0
        assert (layer.audio.grad[masks.audio].abs().amax(dim=1) > 0).all()
        assert layer.video.grad[~masks.video].abs().max() == 0
        assert (layer.video.grad[masks.video].abs().amax(dim=1) > 0).all()


def test_one_pair_is_enough():
    fusion = RepresentationFusion(DIMS, 1, num_heads=HEADS)
    assert fusion(layers()[:1], some_masks()).shape == (BATCH, 2 * DIMS)


def test_state_survives_save_and_load():
    fusion, other = drawn(), RepresentationFusion(DIMS, LAYERS, num_heads=HEADS).eval()
    other.load_state_dict(fusion.state_dict())
    assert torch.equal(other(layers(), some_masks()), fusion(layers(), some_masks()))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"the steps of 3 layers, got 2"):
        drawn()(layers()[:2], some_masks())
    masks = some_masks()
    with pytest.raises(ValueError, match=r"Expected masks of shapes \(8, 4\)"):
        drawn()(layers(), StepMasks(masks.audio, masks.video))
    with pytest.raises(ValueError, match=r"`num_heads` to divide `embed_dims`=12, got 5"):
        RepresentationFusion(DIMS, LAYERS, num_heads=5)
    with pytest.raises(ValueError, match=r"`readout` 'per_modality' or 'all_tokens', got 'mean'"):
        RepresentationFusion(DIMS, LAYERS, num_heads=HEADS, readout="mean")
