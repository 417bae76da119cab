"""The mean cosine against a loop, and what counts as collapsed.

Mutations of `collapse.py` that were tried, each with a test that fails under it:

- `==` for `!=` between the clips, or `features.valid[:, None]` for both:
  test_mean_cosine_is_that_of_valid_embeddings_of_different_clips
- `or` for `and`: test_both_signs_are_needed
"""

import pytest
import torch

from macbdf_mm.models.contrastive.collapse import is_collapsed, mean_cosine


def test_mean_cosine_is_that_of_valid_embeddings_of_different_clips(make_features):
    features = make_features(
        [1, 0, -1, 1, 0], clip_ids=[0, 1, 1, 2, 3], valid=[True, True, True, True, False]
    )
    x = features.embeddings
    pairs = [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    expected = sum(torch.dot(x[i], x[j]).item() for i, j in pairs) / len(pairs)
    assert mean_cosine(features).item() == pytest.approx(expected, rel=1e-12)


def test_without_a_pair_the_mean_cosine_is_zero_and_has_no_graph(make_features):
    one_clip = make_features([1, 0], clip_ids=[4, 4], grad=True)
    assert mean_cosine(one_clip) == 0
    assert not mean_cosine(one_clip).requires_grad
    assert mean_cosine(make_features([1, 0], valid=[False, True])) == 0


@pytest.mark.parametrize(
    ("cosine", "ratio", "expected"),
    [
        (0.998, 1.02, True),
        (1.0, 0.4, False),  # one class in the batch, and it is told from the other
        (1.0, 0.0, False),  # no anchors
        (0.1, 1.3, False),  # embeddings as they are drawn
        (0.6, 0.8, False),
    ],
)
def test_both_signs_are_needed(cosine, ratio, expected):
    assert is_collapsed(cosine, ratio) is expected
