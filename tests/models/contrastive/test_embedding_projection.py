import pytest
import torch

from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection


def video_map(batch=2, steps=4):
    return torch.randn(batch, 6, steps, 3, 5), torch.ones(batch, steps, dtype=torch.bool)


def test_embedding_is_a_unit_vector_a_clip():
    embeddings = EmbeddingProjection(6, embed_dims=8)(*video_map())
    assert embeddings.shape == (2, 8)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


@pytest.mark.holds("3.2.1, embeddings")
def test_equals_the_layers_on_the_mean_of_valid_steps():
    projection = EmbeddingProjection(6, embed_dims=8, hidden_dims=5)
    features, mask = video_map()
    mask[0, 2:] = False
    for clip, num_valid in enumerate((2, 4)):
        mean = features[clip, :, :num_valid].double().mean(dim=(1, 2, 3)).float()
        expected = projection.layers(mean)
        expected = expected / expected.norm()
        torch.testing.assert_close(projection(features, mask)[clip], expected)


@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan])
def test_what_fills_masked_steps_has_no_influence(filling):
    projection = EmbeddingProjection(6, embed_dims=8, time_dim=3)
    features = torch.randn(2, 6, 3, 4)  # (B, C, F', T'')
    mask = torch.tensor([[True, True, False, False], [False] * 4])
    expected = projection(features, mask)
    filled = features.masked_fill(~mask[:, None, None], filling).requires_grad_()
    embeddings = projection(filled, mask)
    embeddings.sum().backward()
    assert torch.equal(embeddings, expected)
    assert filled.grad[~mask[:, None, None].expand_as(filled)].abs().sum() == 0
    assert filled.grad.isfinite().all()


def test_float32_under_autocast():
    projection = EmbeddingProjection(6, embed_dims=8)
    features, mask = video_map()
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = projection(features.bfloat16(), mask)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings, projection(features.bfloat16().float(), mask))


@pytest.mark.parametrize("arguments", [(0, 8), (6, 0)])
def test_no_channels_are_refused(arguments):
    message = f"`in_channels` and `embed_dims` > 0, got {arguments[0]} and {arguments[1]}"
    with pytest.raises(ValueError, match=message):
        EmbeddingProjection(*arguments)
