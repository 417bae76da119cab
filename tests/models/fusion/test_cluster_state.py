"""The remembered clusters: what is fitted, what follows, what stays; the distance against SciPy.

Mutations of the distance tried, each of which fails a test here: beta and 1 - beta swapped; 1 +
cosine; times d_max; solve with the transposed factor; rows without a centre read; gradient through
the centres; no floor under the root; nearest centre by Euclid.

Of the state: follows in eval; follows before the first fit;
not neutral before the first fit; covariance over N instead of N - K; covariance not scaled by 1 -
shrinkage; 95th percentile; rows of an earlier fit kept; momentum once a batch; d_max moves the
wrong way; d_max exceeded by two in a hundred; rows that are not finite followed; no floor under
d_max; no floor under the variance.
"""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine, mahalanobis

from macbdf_mm.models.fusion.cluster_state import (
    ClusterState,
    composite_distance,
    mahalanobis_distance,
    nearest_centre,
)
from macbdf_mm.models.fusion.clustering import choose_clustering

EMBED_DIMS = 12


def sphere(num_features, seed=0, num_groups=3, spread=0.15):
    """Return (N, D) unit vectors around a few directions."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.eye(EMBED_DIMS)[:num_groups]
    groups = torch.randint(num_groups, (num_features,), generator=generator)
    noise = spread * torch.randn(num_features, EMBED_DIMS, generator=generator)
    return torch.nn.functional.normalize(directions[groups] + noise, dim=1)


@pytest.fixture
def fitted():
    state = ClusterState(EMBED_DIMS)
    assert state.fit(sphere(200))
    return state


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_unchanged(module, before):
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_everything_is_a_buffer():
    state = ClusterState(EMBED_DIMS, max_clusters=6)
    shapes = {name: tuple(value.shape) for name, value in state.state_dict().items()}
    assert shapes == {
        "centres": (6, EMBED_DIMS),
        "num_clusters": (),
        "cholesky": (EMBED_DIMS, EMBED_DIMS),
        "max_distance": (),
        "is_ready": (),
    }
    assert not list(state.parameters())


def test_half_for_all_until_the_first_fit():
    embeddings = sphere(4).requires_grad_()
    distance = ClusterState(EMBED_DIMS)(embeddings)
    assert distance.tolist() == [0.5] * 4
    distance.sum().backward()
    assert embeddings.grad.abs().max() == 0


@pytest.mark.holds("3.2.2, clusters")
def test_fit_is_the_pooled_covariance_and_the_percentile_of_numpy(fitted):
    features = sphere(200)
    clustering = choose_clustering(features, seed=0)
    count = clustering.num_clusters
    assert int(fitted.num_clusters) == count == 3
    torch.testing.assert_close(fitted.centres[:count], clustering.centres)
    assert fitted.centres[count:].abs().max() == 0

    offsets = (features - clustering.centres[clustering.assignment]).double().numpy()
    within = sum(np.outer(row, row) for row in offsets) / (len(features) - count)
    expected = 0.9 * within + 0.1 * np.trace(within) / EMBED_DIMS * np.eye(EMBED_DIMS)
    root = fitted.cholesky.double().numpy()
    np.testing.assert_allclose(root @ root.T, expected, rtol=1e-4, atol=1e-7)

    inverse = np.linalg.inv(expected)
    nearest = [
        min(mahalanobis(row, centre, inverse) for centre in clustering.centres.numpy())
        for row in features.numpy()
    ]
    assert float(fitted.max_distance) == pytest.approx(np.percentile(nearest, 99), rel=1e-4)
    assert bool(fitted.is_ready)


def test_distance_is_equation_9(fitted):
    embeddings = sphere(6, seed=1)
    inverse = np.linalg.inv((fitted.cholesky @ fitted.cholesky.t()).double().numpy())
    centres = fitted.centres[: int(fitted.num_clusters)].double().numpy()
    expected = []
    for row in embeddings.double().numpy():
        distances = [mahalanobis(row, centre, inverse) for centre in centres]
        own = int(np.argmin(distances))
        relative = distances[own] / float(fitted.max_distance)
        expected.append(0.5 * relative + 0.5 * cosine(row, centres[own]))
    np.testing.assert_allclose(fitted(embeddings).numpy(), expected, rtol=1e-4)


def test_a_clip_has_the_same_distance_in_any_batch(fitted):
    fitted.eval()
    embeddings = sphere(8, seed=2)
    alone = torch.cat([fitted(row[None]) for row in embeddings])
    # Not bit-equal: the triangular solve blocks its columns by their number.
    torch.testing.assert_close(fitted(embeddings), alone, rtol=1e-5, atol=1e-6)


def test_forward_changes_nothing_in_training_either(fitted):
    before = snapshot(fitted.train())
    fitted(sphere(8, seed=3))
    assert_unchanged(fitted, before)


def test_eval_changes_nothing(fitted):
    before = snapshot(fitted.eval())
    fitted(sphere(8, seed=3))
    fitted.follow(sphere(8, seed=3))
    assert_unchanged(fitted, before)


def test_nothing_follows_before_the_first_fit():
    state = ClusterState(EMBED_DIMS).train()
    before = snapshot(state)
    state.follow(sphere(8))
    assert_unchanged(state, before)


def test_centres_follow_their_own_embeddings(fitted):
    embeddings = sphere(9, seed=4)
    centres = fitted.centres.double().numpy().copy()
    inverse = np.linalg.inv((fitted.cholesky @ fitted.cholesky.t()).double().numpy())
    count = int(fitted.num_clusters)
    members = [[] for _ in range(count)]
    for row in embeddings.double().numpy():
        distances = [mahalanobis(row, centre, inverse) for centre in centres[:count]]
        members[int(np.argmin(distances))].append(row)
    for index, rows in enumerate(members):
        kept = 0.99 ** len(rows)
        if rows:
            centres[index] = kept * centres[index] + (1 - kept) * np.mean(rows, axis=0)
    fitted.train().follow(embeddings)
    np.testing.assert_allclose(fitted.centres.numpy(), centres, rtol=1e-5, atol=1e-7)


def test_covariance_and_number_stay_between_fits(fitted):
    before = snapshot(fitted.train())
    fitted.follow(sphere(8, seed=4))
    after = fitted.state_dict()
    for name in ("cholesky", "num_clusters", "is_ready"):
        assert torch.equal(after[name], before[name])
    assert not torch.equal(after["centres"], before["centres"])
    assert not torch.equal(after["max_distance"], before["max_distance"])


@pytest.mark.parametrize("factor", [0.5, 1.5])
@pytest.mark.parametrize("batch_size", [4, 10])
def test_d_max_finds_back_to_the_percentile(factor, batch_size):
    state = ClusterState(EMBED_DIMS, momentum=1.0)
    features = sphere(2000)
    state.fit(features)
    target = float(state.max_distance)
    state.max_distance.mul_(factor)
    generator = torch.Generator().manual_seed(5)
    path = []
    for _ in range(8000 // batch_size):
        batch = features[torch.randint(len(features), (batch_size,), generator=generator)]
        state.follow(batch)
        path.append(float(state.max_distance))
    # It moves by 2 % at each of the outliers, one in a hundred, and their number is random.
    assert np.mean(path[len(path) // 2 :]) == pytest.approx(target, rel=0.04)


@pytest.mark.parametrize(("num_far", "rate"), [(4, 0.02 * 4), (100, 0.2)])
def test_d_max_grows_by_two_per_cent_a_clip_and_by_a_fifth_a_batch_at_most(fitted, num_far, rate):
    before = float(fitted.max_distance)
    fitted.train().follow(100 * sphere(num_far, seed=4))
    assert float(fitted.max_distance) == pytest.approx(before * np.exp(rate * 0.99), rel=1e-5)


def test_follow_between_forward_and_backward_changes_no_gradient(fitted):
    fitted.train()
    first = sphere(4, seed=6).requires_grad_()
    fitted(first).sum().backward()
    second = sphere(4, seed=6).requires_grad_()
    distance = fitted(second)
    fitted.follow(sphere(8, seed=7))
    distance.sum().backward()
    assert torch.equal(first.grad, second.grad)


def test_clips_without_the_modality_are_not_followed(fitted):
    other = ClusterState(EMBED_DIMS)
    other.load_state_dict(fitted.state_dict())
    batch = sphere(6, seed=8)
    valid = torch.tensor([True, False, True, True, False, True])
    fitted.train().follow(batch, valid)
    other.train().follow(batch[valid])
    assert_unchanged(fitted, snapshot(other))


def test_momentum_of_one_holds_the_centres(fitted):
    fitted.momentum = 1.0
    before = fitted.centres.clone()
    fitted.train().follow(sphere(8, seed=3))
    assert torch.equal(fitted.centres, before)


def test_rows_that_are_not_finite_are_passed_over(fitted):
    other = ClusterState(EMBED_DIMS)
    other.load_state_dict(fitted.state_dict())
    batch = sphere(5, seed=8)
    spoilt = torch.cat([batch, torch.full((1, EMBED_DIMS), float("nan"))])
    fitted.train().follow(spoilt)
    other.train().follow(batch)
    assert_unchanged(fitted, snapshot(other))


def test_an_empty_batch_changes_nothing(fitted):
    before = snapshot(fitted.train())
    fitted.follow(torch.zeros(0, EMBED_DIMS))
    assert_unchanged(fitted, before)


def test_too_few_features_change_nothing():
    state = ClusterState(EMBED_DIMS)
    before = snapshot(state)
    assert state.fit(sphere(state.min_features - 1)) is False
    assert_unchanged(state, before)
    assert state.fit(sphere(state.min_features)) is True


def test_fewer_features_than_dimensions_still_have_a_distance():
    state = ClusterState(128)
    features = torch.nn.functional.normalize(torch.randn(20, 128), dim=1)
    assert state.fit(features)
    assert torch.isfinite(state(features)).all()


def test_collapsed_features_still_have_a_distance():
    state = ClusterState(EMBED_DIMS)
    features = sphere(1).repeat(30, 1)
    assert state.fit(features)
    assert int(state.num_clusters) == 1
    assert torch.isfinite(state(sphere(4))).all()
    assert state(features[:1]).item() == pytest.approx(0.0, abs=1e-2)


def test_a_second_fit_leaves_nothing_of_the_first(fitted):
    fresh = ClusterState(EMBED_DIMS)
    features = sphere(100, seed=9, num_groups=2)
    fresh.fit(features, seed=1)
    fitted.fit(features, seed=1)
    assert_unchanged(fitted, snapshot(fresh))


def test_state_survives_save_and_load(fitted, tmp_path):
    torch.save(fitted.state_dict(), tmp_path / "state.pth")
    other = ClusterState(EMBED_DIMS)
    other.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    embeddings = sphere(5, seed=10)
    assert torch.equal(other(embeddings), fitted(embeddings))
    fitted.train().follow(embeddings)
    other.train().follow(embeddings)
    assert_unchanged(other, snapshot(fitted))


def test_halves_give_a_float32_distance(fitted):
    embeddings = sphere(5, seed=11)
    assert fitted(embeddings.half()).dtype == torch.float32
    # Half precision rounds the embeddings themselves at 5e-4.
    torch.testing.assert_close(fitted(embeddings.half()), fitted(embeddings), rtol=1e-2, atol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_under_autocast(fitted):
    on_gpu = ClusterState(EMBED_DIMS).cuda().train()
    embeddings = sphere(16, seed=12)
    with torch.autocast("cuda", dtype=torch.float16):
        assert on_gpu.fit(sphere(200).cuda())
        on_gpu.follow(embeddings.cuda())
        distance = on_gpu(embeddings.cuda())
    fitted.train().follow(embeddings)
    torch.testing.assert_close(distance.cpu(), fitted(embeddings), rtol=1e-3, atol=1e-4)


def test_bad_arguments_are_named(fitted):
    with pytest.raises(ValueError, match=r"`min_clusters` <= `max_clusters`, got 1 and 8"):
        ClusterState(min_clusters=1)
    with pytest.raises(ValueError, match=r"`beta` and `momentum` in \[0, 1\], got 2 and 0.99"):
        ClusterState(beta=2)
    with pytest.raises(ValueError, match=r"`beta` and `momentum` in \[0, 1\], got 0.5 and -1"):
        ClusterState(momentum=-1)
    with pytest.raises(ValueError, match=r"`shrinkage` in \(0, 1\], got 0"):
        ClusterState(shrinkage=0)
    for method in (fitted, fitted.fit, fitted.follow):
        with pytest.raises(ValueError, match=r"Expected embeddings \(B, 12\), got \(3, 7\)"):
            method(torch.zeros(3, 7))
    with pytest.raises(ValueError, match=r"finite `features`"):
        fitted.fit(torch.full((30, EMBED_DIMS), float("inf")))


NUM_CENTRES, SPACE_DIMS = 4, 5


@pytest.fixture
def space():
    """Embeddings, centres and a covariance in float64."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(SPACE_DIMS, SPACE_DIMS))
    covariance = root @ root.T + 0.1 * np.eye(SPACE_DIMS)
    return rng.normal(size=(7, SPACE_DIMS)), rng.normal(size=(NUM_CENTRES, SPACE_DIMS)), covariance


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


@pytest.mark.holds("Eq. 9", "Mahalanobis distance, Eq. 9")
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


@pytest.mark.holds("Eq. 9", "Mahalanobis distance, Eq. 9")
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
