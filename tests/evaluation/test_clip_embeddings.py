import numpy as np
import pytest

from macbdf_mm.evaluation.clip_embeddings import ClipEmbeddings, measure_separation

CATEGORIES = ("RVRA", "FVRA", "RVFA", "FVFA") * 4


@pytest.mark.parametrize(
    ("space", "own_labels"),
    [("video", "RFRF"), ("audio", "RRFF"), ("fused", "RFFF")],
)
def test_a_space_is_measured_by_what_is_fake_in_its_own_track(space, own_labels):
    # Two directions, of what is fake in this track: perfect by its labels, not by categories.
    rng = np.random.default_rng(0)
    directions = np.array([[1.0, 0.0] if label == "R" else [0.0, 1.0] for label in own_labels * 4])
    vectors = directions + rng.normal(0, 0.01, directions.shape)
    found = measure_separation(ClipEmbeddings({space: vectors}, CATEGORIES, ("x",) * 16), space)
    assert found["own label: 5-NN accuracy"] == 1.0
    assert found["own label: silhouette"] > 0.9
    assert found["category: silhouette"] < 0.5
    assert found["category: chance"] == 0.25
    assert found["own label: chance"] == max(own_labels.count(label) for label in "RF") / 4
