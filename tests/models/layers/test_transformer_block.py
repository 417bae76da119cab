import math

import pytest
import torch

from macbdf_mm.models.layers.transformer_block import DropPath, SelfAttention, TransformerBlock


def attention_in_float64(layer, tokens, mask):
    """Attention with an explicit softmax over the valid keys, one query at a time."""
    weight, width = layer.qkv.weight.double(), tokens.shape[-1]
    zeros = torch.zeros(width, dtype=torch.float64)
    bias = torch.cat([layer.q_bias.double(), zeros, layer.v_bias.double()])
    out = torch.zeros(tokens.shape, dtype=torch.float64)
    head = width // layer.num_heads
    for clip, clip_tokens in enumerate(tokens.double()):
        query, key, value = (clip_tokens @ weight.T + bias).split(width, dim=1)
        valid = mask[clip].nonzero().flatten()
        for h in range(layer.num_heads):
            part = slice(h * head, (h + 1) * head)
            for n in range(tokens.shape[1]):
                logits = key[valid, part] @ query[n, part] / math.sqrt(head)
                share = torch.exp(logits - logits.max())
                out[clip, n, part] = (share / share.sum()) @ value[valid, part]
    return out @ layer.proj.weight.double().T + layer.proj.bias.double()


def random_attention():
    layer = SelfAttention(12, 3)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def test_attention_equals_an_explicit_softmax():
    layer, tokens = random_attention(), torch.randn(2, 5, 12)
    mask = torch.tensor([[True] * 5, [True, False, True, True, False]])
    expected = attention_in_float64(layer, tokens, mask)
    # float32 sums of 12 products.
    torch.testing.assert_close(layer(tokens, mask).double(), expected, rtol=1e-5, atol=1e-5)


def test_masked_tokens_are_as_good_as_absent():
    block, tokens = TransformerBlock(12, 3).eval(), torch.randn(2, 7, 12)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[:, 4:] = False
    torch.testing.assert_close(
        block(tokens, mask)[:, :4], block(tokens[:, :4]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("with_cp", [False, True])
def test_a_key_with_a_bias_counts_as_often_as_it_says(with_cp):
    """log 3 is three copies of the token; the queries of the copies are left out."""
    torch.manual_seed(0)
    block = TransformerBlock(16, 4, with_cp=with_cp)
    for parameter in block.attn.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    tokens, mask = torch.randn(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)
    mask[1, 3] = False
    bias = torch.zeros(2, 5)
    bias[:, 2] = math.log(3.0)
    copies = [0, 1, 2, 2, 2, 3, 4]
    expected = block(tokens[:, copies], mask[:, copies])[:, [0, 1, 2, 5, 6]]
    torch.testing.assert_close(block(tokens, mask, bias), expected)
    assert not torch.allclose(block(tokens, mask), expected, atol=1e-3)


def test_a_clip_without_a_valid_token_attends_to_all_and_stays_finite_in_both_passes():
    layer, tokens = random_attention(), torch.randn(2, 4, 12, requires_grad=True)
    mask = torch.tensor([[False] * 4, [True] * 4])
    out = layer(tokens, mask)
    out.sum().backward()
    torch.testing.assert_close(out, layer(tokens), rtol=1e-5, atol=1e-6)
    assert tokens.grad.isfinite().all()


def test_block_is_equivariant_to_a_permutation_of_tokens():
    block, tokens = TransformerBlock(12, 3).eval(), torch.randn(1, 6, 12)
    order = torch.randperm(6)
    torch.testing.assert_close(
        block(tokens[:, order]), block(tokens)[:, order], rtol=1e-5, atol=1e-6
    )


def test_branches_are_residual():
    block, tokens = TransformerBlock(12, 3).eval(), torch.randn(1, 6, 12)
    torch.nn.init.zeros_(block.attn.proj.weight)
    torch.nn.init.zeros_(block.mlp[3].weight)
    assert torch.equal(block(tokens), tokens)


@pytest.mark.parametrize("num_heads", [0, 5])
def test_heads_must_divide_the_channels(num_heads):
    with pytest.raises(ValueError, match=f"`num_heads` to divide `embed_dims`=12, got {num_heads}"):
        SelfAttention(12, num_heads)


def test_checkpointed_block_has_the_same_gradients_and_stores_less():
    """Stochastic depth and dropout draw the same when the block is computed again."""
    blocks = [TransformerBlock(12, 3, 4.0, 0.2, 0.3, with_cp) for with_cp in (False, True)]
    blocks[1].load_state_dict(blocks[0].state_dict())
    tokens, mask = torch.randn(4, 5, 12), torch.rand(4, 5) > 0.3
    stored, grads = [], []
    for block in blocks:
        torch.manual_seed(3)
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, s=saved: s.append(t) or t, lambda t: t
        ):
            out = block(tokens, mask)
        out.square().sum().backward()
        stored.append(sum(tensor.numel() for tensor in saved))
        grads.append([parameter.grad for parameter in block.parameters()])
    assert stored[1] < stored[0] / 5
    torch.testing.assert_close(grads[1], grads[0])
    with torch.no_grad():
        blocks[1](tokens, mask)


def test_whole_clips_are_dropped_and_the_mean_is_kept():
    torch.manual_seed(0)
    dropped = DropPath(0.25).train()(torch.ones(4000, 2, 3))
    per_clip = dropped.flatten(1)
    assert per_clip.eq(per_clip[:, :1]).all()
    torch.testing.assert_close(per_clip.unique(), torch.tensor([0.0, 4 / 3]))
    # The standard deviation of the mean is sqrt(0.25 / 0.75 / 4000) = 0.009.
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


def test_nothing_happens_in_eval_or_at_rate_zero():
    x = torch.randn(2, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0).train()(x) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ValueError, match=rf"drop_path_rate` in \[0, 1\), got {rate}"):
        DropPath(rate)


def test_rate_is_printed():
    assert "rate=0.5" in repr(DropPath(0.5))
