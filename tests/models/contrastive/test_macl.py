"""The four losses of MACL against a loop over clips in plain Python.

Mutations of the package that were tried, each with a test that fails under it:

- `TERM_WEIGHT` 0.5, L_va in the place of L_av, or a margin of its own: test_losses_equal_loop
- `blanked` left out: test_what_fills_a_missing_track_has_no_influence
- own clip among the positives, alike for unlike own pairs, unknown labels known
  (contrastive_loss.py, feature_queue.py): test_losses_equal_loop
- phi_2 without the absolute value, phi_3 with the other sign (adaptive_temperature.py):
  test_adaptive_temperature.py, test_basis_functions_equal_numpy_and_scipy
"""

import copy
import math
import re
from pathlib import Path

import pytest
import torch

from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection
from macbdf_mm.models.contrastive.feature_queue import FeatureSet
from macbdf_mm.models.contrastive.macl import MACL


def as_rows(features):
    """Return the valid rows as (position, embedding, label, clip id)."""
    columns = (features.embeddings.tolist(), features.labels.tolist(), features.clip_ids.tolist())
    rows = zip(range(len(features)), *columns, strict=True)
    return [row for row, valid in zip(rows, features.valid.tolist(), strict=True) if valid]


def loop_term(anchors, batch, queue, settings, cross):
    """Return one loss as method and paper word it: for each anchor, each positive."""
    tau, margin, num_negatives, margin_mode, cross_positive = settings

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    def negative_logit(s):
        return (s - margin) / tau if margin_mode == "inside" else s / tau - margin

    costs = []
    for position, x, label, clip in as_rows(anchors):
        if label == -1:
            continue
        own, alike, unlike = None, [], []
        for in_batch, rows in ((True, as_rows(batch)), (False, as_rows(queue))):
            for other_position, y, other_label, other_clip in rows:
                if other_label == -1:
                    continue
                s = cosine(x, y)
                if cross and in_batch and other_position == position:
                    own = (s, other_label == label)
                elif other_clip != clip:
                    (alike if other_label == label else unlike).append(s)
        own_positive = [own[0]] if own and own[1] else []
        negatives = sorted(unlike, reverse=True)[:num_negatives]
        negatives += [own[0]] if own and not own[1] else []
        positives = alike
        if cross and cross_positive == "own":
            positives = own_positive
        elif cross and cross_positive == "label":
            positives = own_positive + alike
        elif cross:
            positives = own_positive or alike
        if positives and negatives:
            repulsion = sum(math.exp(negative_logit(s)) for s in negatives)
            cost = [math.log1p(repulsion / math.exp(s / tau)) for s in positives]
            costs.append(sum(cost) / len(cost))
    return sum(costs) / len(costs) if costs else 0.0


def loop_losses(macl, video, audio, margin_mode, cross_positive, margin=0.1):
    settings = (
        macl.temperature.tau.item(),
        margin,
        macl.num_negatives,
        margin_mode,
        cross_positive,
    )
    videos, audios = macl.video_queue.contents(), macl.audio_queue.contents()
    return [
        loop_term(video, audio, audios, settings, cross=True),
        loop_term(audio, video, videos, settings, cross=True),
        loop_term(video, video, videos, settings, cross=False),
        loop_term(audio, audio, audios, settings, cross=False),
    ]


@pytest.mark.holds("Eq. 8", "contrastive losses")
@pytest.mark.parametrize("margin_mode", ["inside", "outside"])
@pytest.mark.parametrize("cross_positive", ["own_else_label", "own", "label"])
@pytest.mark.parametrize("num_negatives", [None, 4])
def test_losses_equal_loop(
    random_clips, filled_macl, terms_of, margin_mode, cross_positive, num_negatives
):
    switches = {"margin_mode": margin_mode, "cross_positive": cross_positive, "margin": 0.3}
    macl = filled_macl(num_negatives=num_negatives, **switches)
    for _ in range(3):
        video, audio = random_clips(num_ids=12)
        losses = macl(video, audio)
        expected = loop_losses(macl, video, audio, **switches)
        # Both in float64; softplus leaves out less than 2e-9.
        assert terms_of(losses).tolist() == pytest.approx(expected, rel=1e-7)
        assert losses.total.item() == pytest.approx(sum(expected) / 4, rel=1e-7)
        assert min(expected) > 0


@pytest.mark.holds("Eq. 2", "model.neck.contrast.margin_mode")
def test_the_papers_settings_as_the_page_states_them(random_clips, filled_macl, terms_of):
    page = Path(__file__).parents[3] / "docs" / "method" / "contrast.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    settings = {}
    exec(block, settings)
    macl = filled_macl(**settings["model"]["neck"]["contrast"])
    assert macl.num_negatives == 64
    assert macl.temperature.tau_min == 0.01
    torch.nn.init.constant_(macl.temperature.tau, 0.02)
    video, audio = random_clips(num_ids=12)
    expected = loop_losses(macl, video, audio, "inside", "own_else_label")
    macl.eval()
    assert terms_of(macl(video, audio)).tolist() == pytest.approx(expected, rel=1e-7)


def test_the_temperature_sees_pairs_of_which_both_tracks_are_there(make_features, filled_macl):
    macl = filled_macl()
    torch.nn.init.constant_(macl.temperature.beta, 0.7)
    video = make_features([1, 0, 1], valid=[True, True, False])
    audio = make_features([1, 0, 0], valid=[False, True, True])
    similarity = video.embeddings[:2] @ audio.embeddings[1:].T
    expected = macl.temperature(similarity, torch.ones(2, 2, dtype=torch.bool))
    assert expected.tau != macl.temperature.tau
    torch.testing.assert_close(macl(video, audio).tau, expected.tau.detach())


CASES = {
    "one clip": dict(video=[1], audio=[0]),
    "one class": dict(video=[1, 1, 1], audio=[1, 1, 1]),
    "all unknown": dict(video=[-1, -1, -1], audio=[-1, -1, -1]),
    "no audio": dict(video=[1, 0, 0], audio=[1, 0, 1], audio_valid=[False] * 3),
    "no video": dict(video=[1, 0, 0], audio=[1, 0, 1], video_valid=[False] * 3),
    "some audio": dict(video=[1, 0, 0], audio=[1, 0, 1], audio_valid=[True, False, True]),
    "windows of one clip": dict(video=[1, 0, 1], audio=[1, 0, 0], ids=[4, 4, 4]),
}
SILENT_WHEN_COLD = {"one clip", "one class", "all unknown"}


@pytest.mark.holds("scarce batches")
@pytest.mark.parametrize("is_cold", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_scarce_batches_equal_loop_and_keep_a_graph(
    make_features, filled_macl, terms_of, case, is_cold
):
    labels = CASES[case]
    cold = MACL(embed_dims=8, queue_length=20, num_negatives=4).double()
    macl = cold if is_cold else filled_macl()
    ids = labels.get("ids")
    video, audio = (
        make_features(labels[name], ids, labels.get(f"{name}_valid"), grad=True)
        for name in ("video", "audio")
    )
    losses = macl(video, audio)
    expected = loop_losses(macl, video, audio, "outside", "own_else_label")
    assert terms_of(losses).tolist() == pytest.approx(expected, rel=1e-7)
    if is_cold and case in SILENT_WHEN_COLD:
        assert losses.total == 0
    losses.total.backward()
    for parameter in (video.embeddings, audio.embeddings, *macl.parameters()):
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("filling", [0.0, 1e30, math.nan])
def test_what_fills_a_missing_track_has_no_influence(make_features, filled_macl, terms_of, filling):
    macl = filled_macl()
    video = make_features([1, 0, 1])
    audio = make_features([1, 0, 0], valid=[True, False, True])
    expected = copy.deepcopy(macl)(video, audio)
    embeddings = audio.embeddings.clone()
    embeddings[1] = filling
    embeddings.requires_grad_()
    losses = macl(video, FeatureSet(embeddings, audio.labels, audio.clip_ids, audio.valid))
    losses.total.backward()
    assert torch.equal(terms_of(losses), terms_of(expected))
    assert torch.equal(embeddings.grad[1], torch.zeros(8, dtype=torch.float64))
    assert embeddings.grad.isfinite().all()


@pytest.mark.holds("order of the negatives")
def test_order_of_clips_does_not_matter(random_clips, filled_macl, terms_of):
    macl = filled_macl().eval()
    video, audio = random_clips()
    order = torch.randperm(8)
    shuffled = [
        FeatureSet(s.embeddings[order], s.labels[order], s.clip_ids[order], s.valid[order])
        for s in (video, audio)
    ]
    torch.testing.assert_close(terms_of(macl(*shuffled)), terms_of(macl(video, audio)))


@pytest.mark.holds("Eq. 8")
@pytest.mark.parametrize(
    ("switch", "dropped"), [("with_cross", [0, 1]), ("with_intra", [2, 3])], ids=["cross", "intra"]
)
def test_switches_drop_their_terms_and_the_quarter_stays(
    random_clips, filled_macl, terms_of, switch, dropped
):
    macl = filled_macl()
    without = copy.deepcopy(macl)
    setattr(without, switch, False)
    video, audio = random_clips()
    kept = terms_of(macl(video, audio)).detach().clone()
    assert (kept > 0).all()
    kept[dropped] = 0.0
    losses = without(video, audio)
    assert torch.equal(terms_of(losses), kept)
    torch.testing.assert_close(losses.total, kept.sum() / 4)


def test_gradients_are_finite_float32_under_autocast(make_features):
    projection = EmbeddingProjection(4, embed_dims=8)
    macl = MACL(embed_dims=8, queue_length=8, num_negatives=2)
    labels = make_features([1, 0, 1, -1])
    mask = torch.ones(4, 3, dtype=torch.bool)
    features = 1e-20 * torch.randn(4, 4, 3, dtype=torch.bfloat16)
    for _ in range(2):  # cold, then with a queue
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = projection(features, mask)
            rows = FeatureSet(embeddings, labels.labels, labels.clip_ids, labels.valid)
            losses = macl(rows, rows)
        losses.total.backward()
        macl.advance()
        assert losses.total.dtype == torch.float32
        assert losses.total > 0
        for name, parameter in [*projection.named_parameters(), *macl.named_parameters()]:
            assert parameter.grad.dtype == torch.float32
            assert parameter.grad.isfinite().all(), name


def test_num_anchors_counts_those_with_both_kinds_of_pair(make_features):
    macl = MACL(embed_dims=8, queue_length=4)
    losses = macl(make_features([1, 1, 0]), make_features([1, 1, 1]))
    # No audio is real: none repels the fake videos, none attracts the real one.
    assert losses.num_anchors.tolist() == [0, 3, 2, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_negatives": 0}, "`num_negatives` > 0, got 0. None takes all"),
        ({"margin": -0.1}, "`margin` >= 0, got -0.1"),
        ({"margin_mode": "beside"}, "`margin_mode` to be one of .*got 'beside'"),
        ({"cross_positive": "all"}, "`cross_positive` to be one of .*got 'all'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MACL(**arguments)


def test_tracks_of_different_shape_are_refused(make_features):
    with pytest.raises(ValueError, match=r"one shape, got \(2, 8\) and \(3, 8\)"):
        MACL(embed_dims=8)(make_features([1, 0]), make_features([1, 0, 1]))
