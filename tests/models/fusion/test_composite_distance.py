"""Mahalanobis and composite distance against SciPy.

Mutations tried, each of which fails a test here: beta and 1 - beta swapped; 1 + cosine; times
d_max; solve with the transposed factor; rows without a centre read; gradient through the centres;
no floor under the root; nearest centre by Euclid.
"""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine, mahalanobis

from macbdf_mm.models.fusion.composite_distance import (
    composite_distance,
    mahalanobis_distance,
    nearest_centre,
)

NUM_CENTRES, EMBED_DIMS = 4, 5


@pytest.fixture
def space():
    """Embeddings, centres and a covariance in float64."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(EMBED_DIMS, EMBED_DIMS))
    covariance = root @ root.T + 0.1 * np.eye(EMBED_DIMS)
    return rng.normal(size=(7, EMBED_DIMS)), rng.normal(size=(NUM_CENTRES, EMBED_DIMS)), covariance


def tensors(space):
    x, centres, covariance = space
    cholesky = torch.linalg.cholesky(torch.from_numpy(covariance))
    return torch.from_numpy(x), torch.from_numpy(centres), cholesky


def distance_of(x, centres, cholesky, beta=0.5, max_distance=2.5, num_active=NUM_CENTRES):
    return composite_distance(
        x,
        centres,
        cholesky,
        torch.tensor(max_distance, dtype=x.dtype),
        torch.arange(len(centres)) < num_active,
        beta,
    )


def test_mahalanobis_is_scipys(space):
    x, centres, covariance = space
    inverse = np.linalg.inv(covariance)
    expected = [[mahalanobis(row, centre, inverse) for centre in centres] for row in x]
    np.testing.assert_allclose(mahalanobis_distance(*tensors(space)).numpy(), expected, rtol=1e-9)


def test_float32_is_near_scipy(space):
    # The solve's error grows with the condition number, here about 1e2, times 6e-8.
    x, centres, cholesky = (tensor.float() for tensor in tensors(space))
    expected = mahalanobis_distance(*tensors(space)).float()
    torch.testing.assert_close(
        mahalanobis_distance(x, centres, cholesky), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_equation_9_against_scipy(space, beta):
    x, centres, covariance = space
    inverse = np.linalg.inv(covariance)
    expected = []
    for row in x:
        distances = [mahalanobis(row, centre, inverse) for centre in centres]
        own = int(np.argmin(distances))
        expected.append(beta * distances[own] / 2.5 + (1 - beta) * cosine(row, centres[own]))
    ours = distance_of(*tensors(space), beta=beta)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-9)


def test_nearest_is_by_mahalanobis_not_by_length():
    # The first axis varies a hundred times as much, so that 3 along it is nearer than 1 across.
    cholesky = torch.diag(torch.tensor([10.0, 1.0]))
    centres = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    distance, index = nearest_centre(
        torch.zeros(1, 2), centres, cholesky, torch.ones(2, dtype=torch.bool)
    )
    assert index.tolist() == [1]
    assert float(distance) == pytest.approx(0.3)


def test_rows_without_a_centre_are_never_near(space):
    x, centres, cholesky = tensors(space)
    expected = distance_of(x, centres[:2], cholesky, num_active=2)
    centres[2:] = x[0]
    assert torch.equal(distance_of(x, centres, cholesky, num_active=2), expected)


def test_gradient_runs_through_the_embeddings_alone(space):
    x, centres, cholesky = (tensor.requires_grad_() for tensor in tensors(space))
    assert torch.autograd.gradcheck(lambda y: distance_of(y, centres, cholesky), x)
    distance_of(x, centres, cholesky).sum().backward()
    assert x.grad.norm() > 0
    assert centres.grad is None
    assert cholesky.grad is None


def test_on_a_centre_distance_is_zero_and_gradient_finite(space):
    _, centres, cholesky = tensors(space)
    x = centres[:1].clone().requires_grad_()
    distance = distance_of(x, centres, cholesky)
    distance.sum().backward()
    assert float(distance.detach()) == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(x.grad).all()


def test_each_clip_for_itself(space):
    x, centres, cholesky = tensors(space)
    together = distance_of(x, centres, cholesky)
    alone = torch.cat([distance_of(row[None], centres, cholesky) for row in x])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
