import pytest
import torch

from macbdf_mm.models.contrastive.contrastive_pairs import (
    check_cross_positive,
    cross_modal_pairs,
    intra_modal_pairs,
)
from macbdf_mm.models.contrastive.feature_set import join

FAKE, REAL, UNKNOWN = 1, 0, -1


def pairs_of(mask):
    return {(row, column) for row, column in mask.nonzero().tolist()}


@pytest.fixture
def four_categories(make_features):
    """Return clips RVRA, FVRA, RVFA, FVFA as anchors, and audio with two queue slots more."""
    video = make_features([REAL, FAKE, REAL, FAKE], clip_ids=[0, 1, 2, 3])
    audio = make_features([REAL, REAL, FAKE, FAKE], clip_ids=[0, 1, 2, 3])
    # The queue holds a stale entry of clip 1 and one of clip 9.
    queue = make_features([FAKE, FAKE], clip_ids=[1, 9])
    return video, join([audio, queue])


def test_cross_positives_are_the_own_pair_or_others_that_agree(four_categories):
    pairs = cross_modal_pairs(*four_categories)
    matched = {(0, 0), (3, 3)}
    fake_video_of_clip_1 = {(1, 2), (1, 3), (1, 5)}  # not slot 4: the clip itself
    real_video_of_clip_2 = {(2, 0), (2, 1)}
    assert pairs_of(pairs.positives) == matched | fake_video_of_clip_1 | real_video_of_clip_2


def test_mismatched_own_pairs_are_sure_negatives(four_categories):
    pairs = cross_modal_pairs(*four_categories)
    assert pairs_of(pairs.sure_negatives) == {(1, 1), (2, 2)}


def test_cross_negatives_are_other_clips_that_disagree(four_categories):
    pairs = cross_modal_pairs(*four_categories)
    assert pairs_of(pairs.negatives) == (
        {(0, 2), (0, 3), (0, 4), (0, 5)} | {(1, 0)} | {(2, 3), (2, 4), (2, 5)} | {(3, 0), (3, 1)}
    )


def test_cross_positive_own_takes_matched_pairs_only(four_categories):
    pairs = cross_modal_pairs(*four_categories, "own")
    assert pairs_of(pairs.positives) == {(0, 0), (3, 3)}


def test_cross_positive_label_takes_all_that_agree(four_categories):
    pairs = cross_modal_pairs(*four_categories, "label")
    assert pairs_of(pairs.positives) == (
        {(0, 0), (0, 1)} | {(1, 2), (1, 3), (1, 5)} | {(2, 0), (2, 1)}
        | {(3, 2), (3, 3), (3, 4), (3, 5)}
    )  # fmt: skip


def test_intra_pairs_leave_out_the_own_clip(make_features):
    batch = make_features([FAKE, REAL, FAKE], clip_ids=[0, 1, 2])
    queue = make_features([FAKE, REAL], clip_ids=[0, 2])
    pairs = intra_modal_pairs(batch, join([batch, queue]))
    assert pairs_of(pairs.positives) == {(0, 2), (1, 4), (2, 0), (2, 3)}
    assert pairs_of(pairs.negatives) == {(0, 1), (0, 4), (1, 0), (1, 2), (1, 3), (2, 1)}
    assert not pairs.sure_negatives.any()


def test_windows_of_one_clip_are_never_a_pair(make_features):
    video = make_features([FAKE, REAL], clip_ids=[5, 5])
    audio = make_features([FAKE, REAL], clip_ids=[5, 5])
    assert pairs_of(cross_modal_pairs(video, audio).positives) == {(0, 0), (1, 1)}
    assert not cross_modal_pairs(video, audio).negatives.any()
    assert not intra_modal_pairs(video, video).positives.any()
    assert not intra_modal_pairs(video, video).negatives.any()


@pytest.mark.parametrize("cross_positive", ["own_else_label", "own", "label"])
def test_unknown_and_missing_rows_are_in_no_pair(make_features, cross_positive):
    video = make_features([FAKE, UNKNOWN, REAL, REAL], valid=[True, True, False, True])
    audio = make_features([UNKNOWN, FAKE, REAL, FAKE], valid=[True, True, True, False])
    masks = [
        *cross_modal_pairs(video, audio, cross_positive),
        *intra_modal_pairs(video, video),
    ]
    for mask in masks:
        assert not mask[1].any()  # unknown video
        assert not mask[2].any()  # missing video
    for mask in cross_modal_pairs(video, audio, cross_positive):
        assert not mask[:, 0].any()  # unknown audio
        assert not mask[:, 3].any()  # missing audio


def test_an_anchor_whose_own_pair_is_missing_takes_others(make_features):
    video = make_features([FAKE, FAKE])
    audio = make_features([FAKE, FAKE], valid=[False, True])
    assert pairs_of(cross_modal_pairs(video, audio).positives) == {(0, 1), (1, 1)}


def test_positives_and_negatives_never_meet(make_features):
    labels = torch.randint(-1, 2, (2, 40)).tolist()
    ids = torch.randint(0, 15, (40,)).tolist()
    video, audio = (make_features(label, clip_ids=ids) for label in labels)
    for rule in ("own_else_label", "own", "label"):
        pairs = cross_modal_pairs(video, audio, rule)
        assert not (pairs.positives & (pairs.negatives | pairs.sure_negatives)).any()


def test_none_keeps_the_shape(four_categories):
    pairs = cross_modal_pairs(*four_categories).none()
    assert all(mask.shape == (4, 6) and not mask.any() for mask in pairs)


def test_too_few_candidates_are_refused(make_features):
    with pytest.raises(ValueError, match=r"Expected at least 2 candidates.*got 1"):
        cross_modal_pairs(make_features([1, 0]), make_features([1]))


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match=r"`cross_positive` to be one of .*got 'nearest'"):
        check_cross_positive("nearest")
