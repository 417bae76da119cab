import pytest
import torch

from macbdf_mm.models.contrastive.feature_set import FeatureSet, join


def test_known_needs_a_label_and_a_track(make_features):
    features = make_features([1, 0, -1, 1], valid=[True, True, True, False])
    assert features.known.tolist() == [True, True, False, False]


def test_blanked_overwrites_nan_of_missing_rows_in_value_and_gradient(make_features):
    features = make_features([1, 0], valid=[False, True])
    embeddings = features.embeddings.clone()
    embeddings[0] = torch.nan
    embeddings.requires_grad_()
    blanked = FeatureSet(embeddings, features.labels, features.clip_ids, features.valid).blanked()
    blanked.embeddings.square().sum().backward()
    assert torch.equal(blanked.embeddings[0], torch.zeros(8, dtype=torch.float64))
    assert torch.equal(blanked.embeddings[1], features.embeddings[1])
    assert torch.equal(embeddings.grad[0], torch.zeros(8, dtype=torch.float64))


@pytest.mark.parametrize(
    ("given", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64,) * 2],
)
def test_blanked_is_at_least_float32(make_features, given, expected):
    assert make_features([1], dtype=given).blanked().embeddings.dtype == expected


def test_join_keeps_order(make_features):
    first, second = make_features([1, 0], clip_ids=[7, 8]), make_features([-1], clip_ids=[9])
    joined = join([first, second])
    assert len(joined) == 3
    assert joined.labels.tolist() == [1, 0, -1]
    assert joined.clip_ids.tolist() == [7, 8, 9]
    assert torch.equal(joined.embeddings[2], second.embeddings[0])


def test_detach_cuts_the_graph(make_features):
    assert not make_features([1], grad=True).detach().embeddings.requires_grad


def test_unpooled_embeddings_are_refused():
    one = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"`embeddings` of shape \(N, D\), got \(2, 3, 4\)"):
        FeatureSet(torch.zeros(2, 3, 4), one, one, one.bool())


@pytest.mark.parametrize("name", ["labels", "clip_ids", "valid"])
def test_columns_of_another_length_are_refused(name):
    columns = {key: torch.zeros(2, dtype=torch.int64) for key in ("labels", "clip_ids", "valid")}
    columns[name] = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=rf"`{name}` of shape \(2,\).*got \(3,\)"):
        FeatureSet(torch.zeros(2, 4), **columns)
