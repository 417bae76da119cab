"""RFMF against torch's own attention with equal weights.

Mutations tried, each of which fails a test here: attention without its mask; video before audio;
one embedding for all layers; no modality embedding; no time code; time counted in steps; steps not
blanked; plain mean over all tokens.
"""

import numpy as np
import pytest
import torch
from torch import nn

from macbdf_mm.models.fusion.representation_fusion import RepresentationFusion, relative_time_code
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


@pytest.mark.holds("3.3, RFMF", "importance attention, RFMF")
@pytest.mark.parametrize("depth", [1, 2])
def test_against_torchs_attention_on_the_valid_tokens(depth):
    fusion, steps, masks = drawn(depth=depth), layers(), some_masks()
    blocks = [torchs_block(block).train() for block in fusion.blocks]
    fused = fusion(steps, masks)
    for clip in range(BATCH):
        tokens = reference_tokens(fusion, steps, masks, clip)[None]
        for block in blocks:
            tokens = block(tokens)
        expected = fusion.norm(tokens)[0].mean(dim=0)
        torch.testing.assert_close(fused[clip], expected, rtol=1e-4, atol=1e-5)


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
    expected = fusion(steps, masks)
    for layer in steps:
        layer.video[~masks.video] = fill
        layer.audio[~masks.audio] = fill
    assert torch.equal(fusion(steps, masks), expected)


def test_a_clip_is_fused_alike_in_any_batch():
    fusion, steps, masks = drawn(), layers(), some_masks()
    together = fusion(steps, masks)
    for clip in range(BATCH):
        one = slice(clip, clip + 1)
        alone = fusion(
            [PooledSteps(layer.video[one], layer.audio[one]) for layer in steps],
            StepMasks(masks.video[one], masks.audio[one]),
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


def test_a_clip_without_media_is_zeros_with_finite_gradients():
    fusion, steps, masks = drawn(), layers(), some_masks()
    masks.video[5], masks.audio[5] = False, False
    fused = fusion(steps, masks)
    fused.square().sum().backward()
    assert fused[5].abs().max() == 0
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
    assert fusion(layers()[:1], some_masks()).shape == (BATCH, DIMS)


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
