"""One loss over masked pairs against a float64 loop, dL/dtau against differences; the pairs.

Mutations of `contrastive_loss.py` that were tried, each with a test that fails under it:

- `+ margin` for `- margin`, inside or outside the division: test_loss_equals_loop
- `repulsion + similarity / tau`: test_loss_equals_loop
- the negative of `slope`, or `/ tau` for `/ tau**2`: test_tau_gradient_equals_finite_difference
- without `| pairs.sure_negatives`, or the least similar negatives: test_loss_equals_loop
- without the row of zeros for -inf: test_without_anchors_the_loss_is_a_zero_with_a_graph
- the mean over all rows for that over anchors: test_macl.py, test_losses_equal_loop
"""

import math

import pytest
import torch

from macbdf_mm.models.contrastive.contrastive_loss import (
    PairMasks,
    _mean_over_anchors,
    check_cross_positive,
    check_margin_mode,
    contrastive_term,
    cross_modal_pairs,
    hardest_negatives,
    intra_modal_pairs,
)
from macbdf_mm.models.contrastive.feature_queue import join


def random_pairs(num=7, columns=30):
    kind = torch.randint(0, 4, (num, columns))  # positive, negative, sure negative, neither
    return PairMasks(kind == 0, kind == 1, (kind == 2) & (torch.rand(num, columns) < 0.2))


def random_similarity(num=7, columns=30):
    return torch.rand(num, columns, dtype=torch.float64) * 2 - 1


def loop_loss(similarity, pairs, tau, margin, margin_mode, num_negatives):
    """Eqs. 2 and 7 written out, one pair at a time."""

    def negative_logit(s):
        return (s - margin) / tau if margin_mode == "inside" else s / tau - margin

    per_anchor = []
    for i, row in enumerate(similarity.tolist()):
        ranked = sorted((s for s, n in zip(row, pairs.negatives[i], strict=True) if n))[::-1]
        sure = [s for s, n in zip(row, pairs.sure_negatives[i], strict=True) if n]
        negatives = ranked[:num_negatives] + sure
        positives = [s for s, p in zip(row, pairs.positives[i], strict=True) if p]
        if not negatives or not positives:
            continue
        repulsion = sum(math.exp(negative_logit(s)) for s in negatives)
        costs = [-math.log(math.exp(s / tau) / (math.exp(s / tau) + repulsion)) for s in positives]
        per_anchor.append(sum(costs) / len(costs))
    return (sum(per_anchor) / len(per_anchor) if per_anchor else 0.0), len(per_anchor)


@pytest.mark.holds("Eq. 2", "Eq. 7", "contrastive losses")
@pytest.mark.parametrize("margin_mode", ["inside", "outside"])
@pytest.mark.parametrize("num_negatives", [1, 4, 100, None])
@pytest.mark.parametrize("tau", [0.05, 0.5])
def test_loss_equals_loop(margin_mode, num_negatives, tau):
    for _ in range(5):
        similarity, pairs = random_similarity(), random_pairs()
        expected, num_anchors = loop_loss(similarity, pairs, tau, 0.1, margin_mode, num_negatives)
        term = contrastive_term(
            similarity, pairs, torch.tensor(tau), 0.1, margin_mode, num_negatives
        )
        # float64 on both sides; tau is given in float32 and the loop's in float64.
        assert term.loss.item() == pytest.approx(expected, rel=1e-6)
        assert term.num_anchors == num_anchors


@pytest.mark.holds("Eq. 5", "dL/dtau")
@pytest.mark.parametrize("margin_mode", ["inside", "outside"])
def test_tau_gradient_equals_finite_difference(margin_mode):
    similarity, pairs, step = random_similarity(), random_pairs(), 1e-6

    def loss(tau):
        return contrastive_term(
            similarity, pairs, torch.tensor(tau, dtype=torch.float64), 0.1, margin_mode, 5
        )

    for tau in (0.03, 0.07, 0.4):
        difference = (loss(tau + step).loss - loss(tau - step).loss).item() / (2 * step)
        # Central differences of a float64 loss are good to about step^2 and eps/step.
        assert loss(tau).tau_gradient.item() == pytest.approx(difference, rel=1e-5, abs=1e-6)


@pytest.mark.holds("dL/dtau")
def test_tau_gradient_equals_autograd():
    tau = torch.tensor(0.07, dtype=torch.float64, requires_grad=True)
    term = contrastive_term(random_similarity(), random_pairs(), tau)
    term.loss.backward()
    assert not term.tau_gradient.requires_grad
    # softplus is linear from 20 on, which leaves out exp(-20) = 2e-9.
    torch.testing.assert_close(term.tau_gradient, tau.grad, rtol=1e-8, atol=0)


@pytest.mark.holds("order of the negatives")
def test_order_of_candidates_does_not_matter():
    similarity, pairs = random_similarity(), random_pairs()
    order = torch.randperm(similarity.shape[1])
    shuffled = PairMasks(*(mask[:, order] for mask in pairs))
    tau = torch.tensor(0.07)
    torch.testing.assert_close(
        contrastive_term(similarity[:, order], shuffled, tau, num_negatives=3),
        contrastive_term(similarity, pairs, tau, num_negatives=3),
    )


@pytest.mark.parametrize("margin_mode", ["inside", "outside"])
@pytest.mark.parametrize("num_negatives", [3, None])
def test_over_collapse_is_the_loss_over_that_of_equal_similarities(margin_mode, num_negatives):
    similarity, pairs = random_similarity(), random_pairs()
    settings = (torch.tensor(0.07), 0.1, margin_mode, num_negatives)
    expected = (
        contrastive_term(similarity, pairs, *settings).loss
        / loop_loss(torch.ones_like(similarity), pairs, 0.07, *settings[1:])[0]
    )
    over_collapse = contrastive_term(similarity, pairs, *settings).over_collapse
    assert over_collapse.item() == pytest.approx(expected.item(), rel=1e-5)
    # Where all similarities are equal, whatever they are, nothing is told apart.
    same = contrastive_term(torch.full_like(similarity, 0.3), pairs, *settings)
    assert same.over_collapse.item() == pytest.approx(1.0, rel=1e-6)


@pytest.mark.holds("Eq. 7")
@pytest.mark.parametrize("num_negatives", [3, None])
def test_at_collapse_a_lower_tau_gains_only_where_it_divides_the_margin(num_negatives):
    pairs, together = random_pairs(), torch.ones(7, 30, dtype=torch.float64)

    def term(tau, margin_mode):
        tau = torch.tensor(tau, dtype=torch.float64)
        return contrastive_term(together, pairs, tau, 0.1, margin_mode, num_negatives)

    for tau in (0.05, 0.07, 0.3):
        assert term(tau, "outside").tau_gradient.abs() < 1e-12
        assert term(tau, "inside").tau_gradient > 0.1
    torch.testing.assert_close(term(0.05, "outside").loss, term(0.5, "outside").loss)
    assert term(0.01, "inside").loss < 0.1 * term(0.07, "inside").loss


def test_the_default_takes_all_negatives_with_the_margin_outside():
    similarity, pairs, tau = random_similarity(), random_pairs(), torch.tensor(0.07)
    by_default = contrastive_term(similarity, pairs, tau)
    assert by_default == contrastive_term(similarity, pairs, tau, 0.1, "outside", 30)
    assert by_default.loss > contrastive_term(similarity, pairs, tau, num_negatives=1).loss


def test_margin_modes_differ():
    similarity, pairs, tau = random_similarity(), random_pairs(), torch.tensor(0.07)
    inside = contrastive_term(similarity, pairs, tau, 0.1, "inside").loss
    outside = contrastive_term(similarity, pairs, tau, 0.1, "outside").loss
    assert outside > inside + 0.1  # 0.1/0.07 is a wider margin than 0.1


@pytest.mark.parametrize("missing", ["positives", "negatives", "both"])
def test_without_anchors_the_loss_is_a_zero_with_a_graph(missing):
    similarity = random_similarity().requires_grad_()
    tau = torch.tensor(0.07, dtype=torch.float64, requires_grad=True)
    pairs = random_pairs()
    if missing == "both":
        pairs = pairs.none()
    elif missing == "positives":
        pairs = pairs._replace(positives=torch.zeros_like(pairs.positives))
    else:
        nothing = torch.zeros_like(pairs.negatives)
        pairs = pairs._replace(negatives=nothing, sure_negatives=nothing)
    with torch.autograd.set_detect_anomaly(True):  # also raises on a NaN that is masked later
        term = contrastive_term(similarity, pairs, tau)
        assert term.loss == 0
        assert term.tau_gradient == 0
        assert term.num_anchors == 0
        assert term.over_collapse == 0
        term.loss.backward()
    assert torch.equal(similarity.grad, torch.zeros_like(similarity))
    assert tau.grad == 0


def test_gradient_is_finite_at_the_lowest_temperature_in_float32():
    similarity = random_similarity().float().requires_grad_()
    term = contrastive_term(similarity, random_pairs(), torch.tensor(0.01))
    term.loss.backward()
    assert term.loss.isfinite()
    assert similarity.grad.isfinite().all()


def test_hardest_negatives_are_the_most_similar_and_the_sure_ones():
    similarity = torch.tensor([[0.9, 0.1, 0.5, -0.9, 0.3]])
    negatives = torch.tensor([[False, True, True, False, True]])
    sure = torch.tensor([[False, False, False, True, False]])
    pairs = PairMasks(~negatives, negatives, sure)
    taken = hardest_negatives(similarity, pairs, 2)
    assert taken.tolist() == [[False, False, True, True, True]]
    assert hardest_negatives(similarity, pairs, 9).tolist() == (negatives | sure).tolist()


def test_mean_over_anchors_leaves_out_what_is_not_counted_even_if_infinite():
    values = torch.tensor([[1.0, 3.0, torch.inf], [torch.inf, 5.0, torch.nan], [torch.inf] * 3])
    counted = torch.tensor([[True, True, False], [False, True, False], [False] * 3])
    assert _mean_over_anchors(values, counted) == (2.0 + 5.0) / 2
    assert _mean_over_anchors(values, torch.zeros_like(counted)) == 0.0


def test_unknown_margin_mode_is_refused():
    with pytest.raises(ValueError, match=r"`margin_mode` to be one of .*got 'beside'"):
        check_margin_mode("beside")


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


@pytest.mark.holds("3.2.1, pairs")
def test_cross_positives_are_the_own_pair_or_others_that_agree(four_categories):
    pairs = cross_modal_pairs(*four_categories)
    matched = {(0, 0), (3, 3)}
    fake_video_of_clip_1 = {(1, 2), (1, 3), (1, 5)}  # not slot 4: the clip itself
    real_video_of_clip_2 = {(2, 0), (2, 1)}
    assert pairs_of(pairs.positives) == matched | fake_video_of_clip_1 | real_video_of_clip_2


@pytest.mark.holds("3.2.1, pairs")
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
