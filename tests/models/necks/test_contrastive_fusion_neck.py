"""The neck against its plain modules, which have tests of their own.

Mutations of the package that were tried, each with a test here that fails under it:

- the loss without its weight, or with the quarter taken twice: test_the_losses_are_weighted_...
- the labels of both tracks swapped: the same test
- distances of video and audio swapped in `weigh`: test_weights_are_those_of_eq_10_...
- the exchange fed with the maps after the blocks: test_the_exchange_reads_the_maps_before_the_layer
- clusters that follow rows of missing tracks: test_advance_moves_clusters_queues_and_temperature
"""

import copy

import pytest
import torch
import torch.nn.functional as F

from macbdf_mm.models.contrastive.feature_queue import FeatureSet, clip_id
from macbdf_mm.models.fusion.cross_modal_exchange import fuse_steps
from macbdf_mm.models.fusion.importance_weights import FusionWeights
from macbdf_mm.models.fusion.temporal_steps import pool_steps
from macbdf_mm.models.layers.step_masks import StepMasks
from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

CHANNELS, STEPS, AUDIO_STEPS = 12, 2, 4
LABELS = [(0, 0), (1, 0), (0, 1), (1, 1), (-1, 1), (0, -1)]
NUM_CLIPS = len(LABELS)
HALVES = FusionWeights(*[torch.full((NUM_CLIPS,), 0.5)] * 2)
QUARTERS = FusionWeights(torch.full((NUM_CLIPS,), 0.25), torch.full((NUM_CLIPS,), 0.75))
SMALL = dict(
    contrast_dims=8,
    contrast=dict(queue_length=24, num_negatives=4),
    clusters=dict(max_clusters=3),
    weights=dict(num_heads=2),
    fusion=dict(depth=1, num_heads=2),
)


def make_neck(depth=2, **arguments):
    torch.manual_seed(0)
    return ContrastiveFusionNeck(CHANNELS, CHANNELS, depth, **{**SMALL, **arguments})


def make_maps(seed=0, batch=NUM_CLIPS):
    generator = torch.Generator().manual_seed(seed)
    video = torch.randn(batch, CHANNELS, STEPS, 3, 3, generator=generator)
    audio = torch.randn(batch, CHANNELS, 5, AUDIO_STEPS, generator=generator)
    return video, audio


def make_samples(labels=LABELS, prefix="clip"):
    samples = []
    for index, (video, audio) in enumerate(labels):
        sample = ForgeryDataSample(metainfo={"file": f"{prefix}{index}.mp4"})
        sample.gt_video_label, sample.gt_audio_label = torch.tensor(video), torch.tensor(audio)
        samples.append(sample)
    return samples


def all_valid(batch=NUM_CLIPS):
    return StepMasks(
        torch.ones(batch, STEPS, dtype=torch.bool), torch.ones(batch, AUDIO_STEPS, dtype=torch.bool)
    )


@pytest.fixture
def filled_neck():
    """A neck with full queues and fitted clusters."""
    neck = make_neck().train()
    torch.nn.init.constant_(neck.macl.temperature.beta, 0.7)
    for seed in range(5):
        embeddings = neck.embed(*make_maps(seed=seed), all_valid())
        neck.loss(embeddings, HALVES, make_samples(prefix=f"old{seed}"), all_valid())
        neck.advance()
    assert neck.fit_clusters(seed=0)
    return neck


def test_embeddings_are_unit_vectors_of_either_projection():
    neck, maps = make_neck(), make_maps()
    video, audio = neck.embed(*maps, all_valid())
    for embedding, projection, pooled in (
        (video, neck.video_projection, maps[0].mean((2, 3, 4))),
        (audio, neck.audio_projection, maps[1].mean((2, 3))),
    ):
        assert embedding.shape == (len(LABELS), 8)
        torch.testing.assert_close(embedding, F.normalize(projection.layers(pooled), dim=1))


def test_the_losses_are_weighted_quarters_of_the_four_terms(filled_neck):
    """L_C of Eq. 8 by the plain module, with the labels and ids that the samples state."""
    embeddings = filled_neck.embed(*make_maps(seed=9), all_valid())
    ids = torch.tensor([clip_id(f"clip{index}.mp4") for index in range(len(LABELS))])
    there = torch.ones(len(LABELS), dtype=torch.bool)
    sets = [
        FeatureSet(x, torch.tensor([pair[track] for pair in LABELS]), ids, there)
        for track, x in enumerate(embeddings)
    ]
    terms = copy.deepcopy(filled_neck.macl)(*sets)
    losses = filled_neck.loss(embeddings, HALVES, make_samples(), all_valid())
    assert (terms.num_anchors > 0).all()
    expected = {
        "loss_cross_va": terms.video_to_audio,
        "loss_cross_av": terms.audio_to_video,
        "loss_intra_video": terms.video_to_video,
        "loss_intra_audio": terms.audio_to_audio,
    }
    for name, term in expected.items():
        torch.testing.assert_close(losses[name], 0.1 * term / 4)
    torch.testing.assert_close(sum(losses[name] for name in expected), 0.1 * terms.total)


def test_weights_are_those_of_eq_10_from_the_distances_of_eq_9(filled_neck):
    maps, masks = make_maps(seed=3), all_valid()
    embeddings = filled_neck.embed(*maps, masks)
    weights = filled_neck.weigh(*maps, embeddings, masks)
    steps = pool_steps(*maps)
    distances = filled_neck.video_clusters(embeddings[0]), filled_neck.audio_clusters(embeddings[1])
    assert not torch.allclose(*distances)
    expected = filled_neck.importance(*steps, masks.video, masks.audio, *distances)
    torch.testing.assert_close(weights.video, expected.video)
    torch.testing.assert_close(weights.video + weights.audio, torch.ones(len(LABELS)))


def test_the_exchange_reads_the_maps_before_the_layer(filled_neck):
    torch.nn.init.normal_(filled_neck.exchanges[1].video_gate.weight)
    before, extracted, masks = make_maps(seed=1), make_maps(seed=2), all_valid()
    weights = filled_neck.weigh(*before, filled_neck.embed(*before, masks), masks)
    got = filled_neck.exchange(1, before, extracted, weights, masks)
    fused = fuse_steps(pool_steps(*before), weights, masks)
    expected = filled_neck.exchanges[1](*extracted, fused)
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])
    assert not torch.equal(got[0], extracted[0])


def test_all_layers_are_fused_and_the_encoders_maps_at_depth_zero(filled_neck):
    layers = [make_maps(seed=1), make_maps(seed=2)]
    fused = filled_neck.fuse(layers, HALVES, all_valid())
    assert fused.shape == (len(LABELS), filled_neck.out_channels)
    assert not torch.equal(fused, filled_neck.fuse([layers[1], layers[1]], HALVES, all_valid()))
    shallow = make_neck(depth=0)
    assert shallow.fuse(layers[:1], HALVES, all_valid()).shape == (len(LABELS), 2 * CHANNELS)
    assert len(shallow.exchanges) == 0


def test_advance_moves_clusters_queues_and_temperature(filled_neck):
    before = copy.deepcopy(filled_neck.state_dict())
    masks = all_valid()
    masks.video[0] = False
    embeddings = filled_neck.embed(*make_maps(seed=7), masks)
    filled_neck.loss(embeddings, HALVES, make_samples(), masks)
    assert all(torch.equal(v, before[k]) for k, v in filled_neck.state_dict().items())
    clusters = copy.deepcopy(filled_neck.video_clusters)
    filled_neck.advance()
    moved = {k for k, v in filled_neck.state_dict().items() if not torch.equal(v, before[k])}
    assert {"video_clusters.centres", "audio_clusters.centres", "macl.temperature.tau"} <= moved
    assert {"macl.video_queue.features", "macl.audio_queue.features"} <= moved
    clusters.follow(embeddings[0][1:])
    torch.testing.assert_close(filled_neck.video_clusters.centres, clusters.centres)


def test_a_skipped_step_leaves_all_state(filled_neck):
    before = copy.deepcopy(filled_neck.state_dict())
    filled_neck.loss(
        filled_neck.embed(*make_maps(), all_valid()), HALVES, make_samples(), all_valid()
    )
    filled_neck.discard_staged()
    filled_neck.advance()
    assert all(torch.equal(v, before[k]) for k, v in filled_neck.state_dict().items())


def test_eval_moves_nothing(filled_neck):
    filled_neck.eval()
    before = copy.deepcopy(filled_neck.state_dict())
    filled_neck.loss(
        filled_neck.embed(*make_maps(), all_valid()), HALVES, make_samples(), all_valid()
    )
    filled_neck.advance()
    assert all(torch.equal(v, before[k]) for k, v in filled_neck.state_dict().items())


def test_clusters_wait_for_enough_embeddings():
    neck = make_neck()
    assert not neck.fit_clusters(seed=0)
    assert not neck.video_clusters.is_ready


def test_every_buffer_survives_saving_and_loading(filled_neck, tmp_path):
    torch.save(filled_neck.state_dict(), tmp_path / "neck.pth")
    other = make_neck()
    other.load_state_dict(torch.load(tmp_path / "neck.pth", weights_only=True))
    buffers = dict(other.named_buffers())
    assert len(buffers) == 2 * 5 + 4 + 2 * 5  # queues, temperature, clusters
    for name, value in filled_neck.named_buffers():
        assert torch.equal(value, buffers[name]), name
    maps, masks = make_maps(seed=4), all_valid()
    expected = filled_neck.weigh(*maps, filled_neck.embed(*maps, masks), masks)
    assert torch.equal(other.weigh(*maps, other.embed(*maps, masks), masks).video, expected.video)


CONTRASTIVE_LOSSES = {"loss_cross_va", "loss_cross_av", "loss_intra_video", "loss_intra_audio"}
OVER_COLLAPSE = {f"{name.removeprefix('loss_')}_over_collapse" for name in CONTRASTIVE_LOSSES}
MEAN_COSINES = {"mean_cosine_video", "mean_cosine_audio"}
ONLY_LOGGED = {"num_anchors", *OVER_COLLAPSE, *MEAN_COSINES}
# Each switch and what it changes; the other settings stay.
SWITCHES = {
    "without L_intra": (
        dict(contrast=dict(with_intra=False)),
        {"loss_intra_video", "loss_intra_audio"},
    ),
    "without L_cross": (dict(contrast=dict(with_cross=False)), {"loss_cross_va", "loss_cross_av"}),
    "without L_C": (dict(contrast=dict(with_cross=False, with_intra=False)), CONTRASTIVE_LOSSES),
    "positives of the own clip alone": (
        dict(contrast=dict(cross_positive="own")), {"loss_cross_va", "loss_cross_av"},
    ),
    "positives by label": (
        dict(contrast=dict(cross_positive="label")), {"loss_cross_va", "loss_cross_av"},
    ),
    "the margin under tau": (dict(contrast=dict(margin_mode="inside")), CONTRASTIVE_LOSSES),
    "all negatives": (dict(contrast=dict(num_negatives=None)), CONTRASTIVE_LOSSES),
    "a fixed temperature": (
        dict(contrast=dict(temperature=dict(adaptive=False))), {*CONTRASTIVE_LOSSES, "tau"},
    ),
    "no weight of L_C": (dict(contrast_loss_weight=0.0), CONTRASTIVE_LOSSES),
    "w/o w": (dict(weights=dict(weighting="equal")), {"weights"}),
    "weights as Eq. 10 leaves them": (dict(weights=dict(weight_norm=False)), {"weights"}),
    "distance by cosine alone": (dict(clusters=dict(beta=0.0)), {"weights"}),
    "the importance of the paper": (dict(weights=dict(activation="relu")), {"weights"}),
    "weights in the exchange alone": (dict(weight_tokens=False), {"fused"}),
    "no exchange": (dict(interaction="none"), {"exchanged"}),
    # Nothing reads the weights then, so they are left at one half.
    "weights nowhere": (
        dict(interaction="none", weight_tokens=False), {"exchanged", "weights", "fused"},
    ),
    "one mean over all tokens": (dict(fusion=dict(readout="all_tokens")), {"fused"}),
    "the literal product": (dict(interaction="product"), {"exchanged"}),
    "no attention in the fusion": (dict(fusion=dict(depth=0)), {"fused"}),
}  # fmt: skip


def outcome(neck):
    """Everything that a switch may change, from the same state and maps."""
    maps, masks = make_maps(seed=8), all_valid()
    embeddings = neck.embed(*maps, masks)
    losses = neck.loss(embeddings, HALVES, make_samples(), masks)
    for name in [name for name in losses if name in ONLY_LOGGED]:
        del losses[name]  # these follow from the terms that are switched
    weights = neck.weigh(*maps, embeddings, masks)
    # Fixed weights, so that a switch of the weights doesn't show here.
    exchanged = neck.exchange(0, maps, maps, HALVES, masks)
    return {
        **losses,
        "weights": weights.video,
        "exchanged": exchanged[0],
        "fused": neck.fuse([maps, maps], QUARTERS, masks),
    }


@pytest.mark.holds(
    "model.neck.contrast.with_cross",
    "model.neck.contrast.with_intra",
    "model.neck.contrast.cross_positive",
    "model.neck.contrast.margin_mode",
    "model.neck.contrast.num_negatives",
    "model.neck.contrast_loss_weight",
    "model.neck.weights.weighting",
    "model.neck.weights.weight_norm",
    "model.neck.weights.activation",
    "model.neck.weight_tokens",
    "model.neck.fusion.readout",
    "model.neck.clusters.beta",
    "model.neck.interaction",
    "model.neck.fusion.depth",
)
@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_changes_what_it_names_and_nothing_else(name, filled_neck):
    arguments, named = SWITCHES[name]
    for exchange in filled_neck.exchanges:
        torch.nn.init.normal_(exchange.video_gate.weight, std=0.1)
    merged = {
        key: {**SMALL[key], **value} if isinstance(value, dict) else value
        for key, value in arguments.items()
    }
    switched = make_neck(**merged).train()
    state = filled_neck.state_dict()
    switched.load_state_dict({k: state[k] for k in switched.state_dict()})
    usual, other = outcome(copy.deepcopy(filled_neck)), outcome(switched)
    changed = {
        key
        for key in usual
        if usual[key].shape != other[key].shape
        or not torch.allclose(usual[key], other[key], atol=1e-6)
    }
    assert changed == named


@pytest.mark.holds("model.neck.contrast.temperature.adaptive")
def test_a_fixed_temperature_stays_where_it_starts():
    neck = make_neck(
        contrast=dict(queue_length=24, num_negatives=4, temperature=dict(adaptive=False))
    )
    torch.nn.init.constant_(neck.macl.temperature.beta, 0.7)
    for seed in range(3):
        maps = make_maps(seed=seed)
        losses = neck.loss(neck.embed(*maps, all_valid()), HALVES, make_samples(), all_valid())
        assert losses["tau"].item() == pytest.approx(0.07)
        neck.advance()


@pytest.mark.parametrize("missing", [0, 1])
def test_nothing_reads_the_maps_of_a_missing_track(missing, filled_neck):
    """Whatever stands there, weights, the other track, the fused vector and losses are equal."""
    torch.nn.init.normal_(filled_neck.exchanges[0].video_gate.weight)
    torch.nn.init.normal_(filled_neck.exchanges[0].audio_gate.weight)
    masks = all_valid()
    masks[missing][:3] = False
    outcomes = []
    for filling in (0.0, 3.0, torch.nan):
        neck = copy.deepcopy(filled_neck)
        maps = [m.clone() for m in make_maps(seed=6)]
        maps[missing][:3] = filling
        embeddings = neck.embed(*maps, masks)
        weights = neck.weigh(*maps, embeddings, masks)
        exchanged = neck.exchange(0, maps, maps, weights, masks)
        losses = neck.loss(embeddings, HALVES, make_samples(), masks)
        neck.advance()
        fused = neck.fuse([maps, exchanged], weights, masks)
        outcomes.append(
            [*weights, exchanged[1 - missing], fused, *losses.values(), *neck.buffers()]
        )
    assert outcomes[0][missing][:3].eq(0.0).all()
    assert outcomes[0][1 - missing][:3].eq(1.0).all()
    for other in outcomes[1:]:
        assert all(torch.equal(*pair) for pair in zip(outcomes[0], other, strict=True))


def test_no_gradient_reaches_the_map_of_a_missing_track(filled_neck):
    masks = all_valid()
    masks.audio[:] = False
    video, audio = make_maps(seed=6)
    audio.requires_grad_()
    embeddings = filled_neck.embed(video, audio, masks)
    weights = filled_neck.weigh(video, audio, embeddings, masks)
    exchanged = filled_neck.exchange(0, (video, audio), (video, audio), weights, masks)
    losses = filled_neck.loss(embeddings, HALVES, make_samples(), masks)
    total = (
        filled_neck.fuse([exchanged, exchanged], weights, masks).square().sum()
        + exchanged[0].square().sum()
    )
    (total + sum(losses.values())).backward()
    assert audio.grad.eq(0.0).all()


def test_both_distances_are_neutral_until_both_tracks_have_clusters(filled_neck):
    maps, masks = make_maps(seed=6), all_valid()
    embeddings = filled_neck.embed(*maps, masks)
    filled_neck.audio_clusters.is_ready.fill_(False)
    weights = filled_neck.weigh(*maps, embeddings, masks)
    neutral = torch.full((NUM_CLIPS,), 0.5)
    expected = filled_neck.importance(*pool_steps(*maps), *masks[:2], neutral, neutral)
    torch.testing.assert_close(weights.video, expected.video)


def verdicts(neck, maps, weights, masks, head):
    """Return a logit per clip after one layer of towers that leave the maps as they are."""
    layer = neck.exchange(0, maps, maps, weights, masks)
    return head(neck.fuse([layer], weights, masks))[:, 0]


@pytest.mark.holds("model.neck.weight_tokens")
@pytest.mark.parametrize(("weight_tokens", "moves"), [(True, True), (False, False)])
def test_other_weights_give_another_verdict_from_the_start(weight_tokens, moves):
    """The gates of the exchange start at zero, so without the fusion the weights do nothing."""
    neck = make_neck(depth=1, weight_tokens=weight_tokens)
    head = torch.nn.Linear(neck.out_channels, 1)
    maps, masks = make_maps(batch=64), all_valid(64)
    low, even, high = (
        verdicts(
            neck, maps, FusionWeights(torch.full((64,), w), torch.full((64,), 1 - w)), masks, head
        )
        for w in (0.2, 0.5, 0.8)
    )
    shift = (high - low).abs().mean() / even.std()
    assert shift > 0.5 if moves else shift == 0


def half_noise(generator, clips=32):
    """Return maps, labels and which clips have a video of noise; the others' audio is noise.

    A map says the label along one direction and has a constant part, which noise does not have.
    """
    labels = torch.randint(0, 2, (clips,), generator=generator).float()
    is_noise = torch.arange(clips) % 2 == 0
    directions = torch.randn(4, CHANNELS, generator=torch.Generator().manual_seed(3))
    directions = F.normalize(directions, dim=1) * CHANNELS**0.5
    maps = []
    for index, (shape, bad) in enumerate(
        [((STEPS, 3, 3), is_noise), ((5, AUDIO_STEPS), ~is_noise)]
    ):
        constant, signal = directions[2 * index : 2 * index + 2]
        said = constant + 0.3 * signal * (2 * labels - 1)[:, None]
        noise = torch.randn(clips, CHANNELS, generator=generator)
        level = torch.where(bad[:, None], noise, said).view(clips, CHANNELS, *[1] * len(shape))
        maps.append(level + 0.5 * torch.randn(clips, CHANNELS, *shape, generator=generator))
    return tuple(maps), labels, is_noise


def test_a_track_of_noise_gets_another_weight():
    """Nothing but the verdict teaches the weights, and nothing but the fusion reads them."""
    neck = make_neck(depth=1, interaction="none").train()
    head = torch.nn.Linear(neck.out_channels, 1)
    parameters = [*neck.importance.parameters(), *neck.fusion.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=5e-3)
    generator, masks = torch.Generator().manual_seed(1), all_valid(32)
    for _ in range(80):
        maps, labels, is_noise = half_noise(generator)
        weights = neck.weigh(*maps, neck.embed(*maps, masks), masks)
        loss = F.binary_cross_entropy_with_logits(
            verdicts(neck, maps, weights, masks, head), labels
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    maps, _, is_noise = half_noise(generator)
    video = neck.weigh(*maps, neck.embed(*maps, masks), masks).video
    assert video[is_noise].max() < video[~is_noise].min()
    assert video[~is_noise].mean() - video[is_noise].mean() > 0.3


def test_the_state_of_the_weights_is_logged(filled_neck):
    maps, masks = make_maps(), all_valid()
    embeddings = filled_neck.embed(*maps, masks)
    filled_neck.importance.video_importance.mapping[-1].bias.data.fill_(-20.0)
    weights = filled_neck.weigh(*maps, embeddings, masks)
    log = filled_neck.loss(embeddings, weights, make_samples(), masks)
    assert (log["importance_zeros_video"], log["importance_zeros_audio"]) == (1.0, 0.0)
    torch.testing.assert_close(log["weight_video"], weights.video.mean())
    assert not log["weight_video"].requires_grad


@pytest.mark.parametrize("settings", [dict(depth=0), dict(interaction="none")])
def test_weights_that_nothing_reads_have_no_parameters(settings):
    """Distributed training refuses parameters that no loss reaches."""
    assert not list(make_neck(**settings, weight_tokens=False).importance.parameters())
    neck, maps, masks = make_neck(**settings), make_maps(), all_valid()
    weights = neck.weigh(*maps, neck.embed(*maps, masks), masks)
    neck.fuse([maps] * max(settings.get("depth", 2), 1), weights, masks).square().sum().backward()
    parameters = list(neck.importance.parameters())
    assert parameters
    assert all(parameter.grad.any() for parameter in parameters)


def test_the_number_of_anchors_is_logged(filled_neck):
    masks = all_valid()
    embeddings = filled_neck.embed(*make_maps(), masks)
    assert filled_neck.loss(embeddings, HALVES, make_samples(), masks)["num_anchors"] > 0
    unknown = make_samples([(-1, -1)] * NUM_CLIPS)
    assert filled_neck.loss(embeddings, HALVES, unknown, masks)["num_anchors"] == 0


def test_collapse_is_logged_under_the_same_names_whatever_the_batch(filled_neck):
    """Two points, one per track: every term costs what it would if all coincided."""
    masks, (video, audio) = all_valid(), torch.eye(8)[:2]
    together = (video.expand(NUM_CLIPS, 8), audio.expand(NUM_CLIPS, 8))
    neck = make_neck().train()
    collapsed = neck.loss(together, HALVES, make_samples(), masks)
    for name in MEAN_COSINES | OVER_COLLAPSE:
        assert collapsed[name].item() == pytest.approx(1.0, abs=1e-5)
    scattered = F.normalize(torch.randn(2, NUM_CLIPS, 8), dim=2)
    apart = filled_neck.loss(tuple(scattered), HALVES, make_samples(), masks)
    assert all(apart[name].abs() < 0.5 for name in MEAN_COSINES)
    assert all(apart[name] > 0 for name in OVER_COLLAPSE)
    unknown = make_samples([(-1, -1)] * NUM_CLIPS)
    silent = neck.loss(together, HALVES, unknown, masks)
    assert all(silent[name] == 0 for name in OVER_COLLAPSE)
    one_clip = neck.loss(tuple(x[:1] for x in together), HALVES, make_samples()[:1], all_valid(1))
    assert all(one_clip[name] == 0 for name in MEAN_COSINES | OVER_COLLAPSE)
    assert list(collapsed) == list(apart) == list(silent) == list(one_clip)


def test_towers_of_two_widths_are_refused():
    with pytest.raises(ValueError, match="one `embed_dims`, got 12 for video and 6 for audio"):
        ContrastiveFusionNeck(12, 6, 2)


def test_a_negative_loss_weight_is_refused():
    with pytest.raises(ValueError, match="`contrast_loss_weight` >= 0, got -1"):
        make_neck(contrast_loss_weight=-1)


def test_a_sample_without_its_file_is_refused():
    neck = make_neck()
    samples = make_samples()
    samples[2] = ForgeryDataSample(gt_video_label=torch.tensor(0))
    with pytest.raises(ValueError, match="without gt_audio_label, file"):
        neck.loss(neck.embed(*make_maps(), all_valid()), HALVES, samples, all_valid())
