import math

import numpy as np
import pytest
import scipy.stats
import torch

from macbdf_mm.models.contrastive.similarity_statistics import (
    attention_log_weights,
    basis_functions,
    pair_features,
)


@pytest.fixture
def batch():
    """Return (5, 5) similarities, a mask with 3 x 4 valid pairs, and scores."""
    similarity = torch.rand(5, 5, dtype=torch.float64) * 2 - 1
    valid = torch.zeros(5, 5, dtype=torch.bool)
    valid[:3, 1:] = True
    return similarity, valid, torch.randn(5, 5, dtype=torch.float64)


def test_basis_functions_equal_numpy_and_scipy(batch):
    similarity, valid, scores = batch
    s, f = similarity[valid].numpy(), scores[valid].numpy()
    weights = np.exp(f) / np.exp(f).sum()
    expected = [
        np.var(s),
        (weights * np.abs(s - s.mean()) ** 3).sum(),
        scipy.stats.entropy(weights) / math.log(12),
    ]
    np.testing.assert_allclose(basis_functions(*batch), expected, rtol=1e-12)


def test_invalid_pairs_have_no_influence(batch):
    similarity, valid, scores = batch
    expected = basis_functions(similarity, valid, scores)
    similarity[~valid], scores[~valid] = 0.0, 1e3
    assert torch.equal(basis_functions(similarity, valid, scores), expected)


def test_equal_weights_have_entropy_one(batch):
    similarity, valid, scores = batch
    basis = basis_functions(similarity, valid, torch.zeros_like(scores))
    assert basis[2].item() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("num_pairs", [0, 1])
def test_one_pair_or_none_gives_zeros_and_finite_gradients(num_pairs):
    similarity = torch.full((1, 1), 0.3)
    scores = torch.ones(1, 1, requires_grad=True)
    basis = basis_functions(similarity, torch.full((1, 1), num_pairs == 1), scores)
    basis.sum().backward()
    assert basis.tolist() == [0.0, 0.0, 0.0]
    assert scores.grad.isfinite().all()


def test_attention_weights_sum_to_one_over_valid_pairs(batch):
    _, valid, scores = batch
    weights = attention_log_weights(scores, valid).exp()
    assert weights[valid].sum().item() == pytest.approx(1.0, rel=1e-12)
    assert torch.equal(weights[~valid], torch.zeros(13, dtype=torch.float64))


def test_pair_features_are_similarity_deviation_and_distance(batch):
    _, valid, _ = batch
    vectors = torch.nn.functional.normalize(torch.randn(2, 5, 8, dtype=torch.float64), dim=2)
    similarity = vectors[0] @ vectors[1].T
    features = pair_features(similarity, valid)
    torch.testing.assert_close(features[..., 0], similarity)
    torch.testing.assert_close(features[..., 1], similarity - similarity[valid].mean())
    torch.testing.assert_close(features[..., 2], torch.cdist(vectors[0], vectors[1]))


def test_rounding_above_one_gives_no_nan():
    features = pair_features(torch.full((1, 1), 1.0 + 1e-6), torch.ones(1, 1, dtype=torch.bool))
    assert features[0, 0, 2] == 0
