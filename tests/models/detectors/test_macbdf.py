from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper

from macbdf_mm.models.necks.plain_fusion_neck import PlainFusionNeck
from macbdf_mm.registry import MODELS, build_part

CONFIGS = Path(__file__).parents[3] / "configs" / "_base_" / "models"
LABELS = [(1, 0, 1), (0, 0, 0), (1, -1, -1), (1, 1, 0)]
SAMPLE_LOSSES = ["loss_overall", "loss_video", "loss_audio"]
CONTRASTIVE_LOSSES = ["loss_cross_va", "loss_cross_av", "loss_intra_video", "loss_intra_audio"]
ONLY_LOGGED = [
    *("tau", "num_anchors", "mean_cosine_video", "mean_cosine_audio"),
    *(f"{name.removeprefix('loss_')}_over_collapse" for name in CONTRASTIVE_LOSSES),
    *("importance_zeros_video", "importance_zeros_audio", "weight_video"),
]
FRAME_LOSSES = ["loss_frame_video", "loss_frame_audio"]


@pytest.fixture
def model(tiny_model_cfg):
    torch.manual_seed(0)
    return build_part(MODELS, tiny_model_cfg).eval()


@pytest.fixture
def plain_model(plain_model_cfg):
    torch.manual_seed(0)
    return build_part(MODELS, plain_model_cfg).eval()


@pytest.fixture
def batch(model, make_packed):
    return model.data_preprocessor(pseudo_collate(make_packed(LABELS)))


def test_each_mode_returns_what_it_promises(model, batch):
    logits = model(**batch)
    assert logits.shape == (4, 3)
    losses = model(**batch, mode="loss")
    assert set(losses) == {*SAMPLE_LOSSES, *CONTRASTIVE_LOSSES, *FRAME_LOSSES, *ONLY_LOGGED}
    assert all(value.shape == () for value in losses.values())
    samples = model(**batch, mode="predict")
    torch.testing.assert_close(torch.stack([s.pred_scores for s in samples]), logits.sigmoid())
    assert samples[0] is batch["data_samples"][0]
    assert all(s.pred_video_steps.shape == s.pred_audio_steps.shape == (2,) for s in samples)


def test_the_baseline_has_the_losses_of_the_sample_level_only(plain_model, make_packed):
    batch = plain_model.data_preprocessor(pseudo_collate(make_packed(LABELS)))
    assert list(plain_model(**batch, mode="loss")) == SAMPLE_LOSSES
    samples = plain_model(**batch, mode="predict")
    assert "pred_video_steps" not in samples[0]


@pytest.mark.holds("model.frame_head")
def test_without_a_frame_head_only_its_losses_and_verdicts_go(model, batch, tiny_model_cfg):
    torch.manual_seed(0)  # as `model`, whose frame head is drawn last
    headless = build_part(MODELS, tiny_model_cfg | dict(frame_head=None)).eval()
    losses, fewer = model(**batch, mode="loss"), headless(**batch, mode="loss")
    assert set(losses) - set(fewer) == set(FRAME_LOSSES)
    assert all(torch.equal(losses[name], value) for name, value in fewer.items())
    sample = headless(batch["inputs"], mode="predict")[0]
    assert "pred_scores" in sample
    assert "pred_video_steps" not in sample


def test_prediction_needs_no_samples(model, batch):
    assert len(model(batch["inputs"], mode="predict")) == 4


@pytest.mark.parametrize("name", ["model", "plain_model"])
def test_training_reaches_every_parameter(name, request, make_packed):
    model = request.getfixturevalue(name).train()
    fill_the_queues(model, make_packed)
    packed = make_packed(LABELS)
    packed[0]["inputs"]["video_mask"][:] = False
    packed[1]["inputs"]["audio_mask"][:] = False
    losses = model(**model.data_preprocessor(pseudo_collate(packed)), mode="loss")
    loss, log = model.parse_losses(losses)
    loss.backward()
    assert all(value.isfinite() for value in log.values())
    unreached = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unreached


def fill_the_queues(model, make_packed):
    """Two steps' worth of embeddings, so that every contrastive term has pairs, and clusters."""
    if not hasattr(model.neck, "advance"):
        return
    # Gates and scales that start at zero keep the gradient from what lies before them.
    for parameter in model.neck.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    for seed in (1, 2):
        packed = make_packed(LABELS * 3, seed=seed)
        for index, item in enumerate(packed):
            item["data_samples"].set_metainfo({"file": f"other{seed}{index}.mp4"})
        with torch.no_grad():
            model(**model.data_preprocessor(pseudo_collate(packed)), mode="loss")
        model.neck.advance()
    assert model.neck.fit_clusters(seed=0)


def test_training_learns_a_batch_by_heart(model, make_packed):
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    collated = pseudo_collate(make_packed(LABELS))
    model.train()
    logs = [model.train_step(collated, wrapper) for _ in range(60)]
    for name in SAMPLE_LOSSES + FRAME_LOSSES:
        assert logs[-1][name] < 0.3 * logs[0][name], name


def test_one_clip_a_device_trains(model, make_packed):
    model.train()
    collated = pseudo_collate(make_packed(LABELS[:1]))
    losses = model(**model.data_preprocessor(collated), mode="loss")
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def predictions(model, inputs):
    """The scores of overall, video and audio, then those of the steps of both, (B, 3 + 2 T')."""
    samples = model(inputs, mode="predict")
    parts = [(s.pred_scores, s.pred_video_steps, s.pred_audio_steps) for s in samples]
    return torch.stack([torch.cat(part) for part in parts])


def masked(inputs):
    """The tensors, without what is known of the masks."""
    return {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}


@pytest.mark.holds("Figure 1")
def test_a_clip_is_judged_by_itself(model, make_packed):
    """Eval at B = 8 equals eval at B = 1, with clusters in place; one clip lacks each track."""
    fill_the_queues(model.train(), make_packed)
    model.eval()
    packed = make_packed(LABELS * 2, seed=5)
    packed[2]["inputs"]["video_mask"][:] = False
    packed[3]["inputs"]["audio_mask"][:] = False
    inputs = masked(model.data_preprocessor(pseudo_collate(packed))["inputs"])
    together = predictions(model, inputs)
    assert together.isnan().sum() == 2 * (1 + 2)
    for clip in range(8):
        alone = predictions(model, {name: x[clip : clip + 1] for name, x in inputs.items()})[0]
        torch.testing.assert_close(alone, together[clip], rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("track", "mask", "unseen"), [("video", "video_mask", 1), ("spectrogram", "audio_mask", 2)]
)
def test_what_fills_a_masked_track_has_no_influence(model, batch, make_packed, track, mask, unseen):
    fill_the_queues(model.train(), make_packed)
    torch.nn.init.normal_(model.neck.exchanges[0].video_gate.weight)
    torch.nn.init.normal_(model.neck.exchanges[0].audio_gate.weight)
    model.eval()
    inputs = masked(batch["inputs"])
    inputs[mask] = torch.zeros_like(inputs[mask])
    scores, losses = [], []
    for filling in (0.0, 3.0, torch.nan):
        inputs[track] = torch.full_like(inputs[track], filling)
        scores.append(predictions(model, inputs).nan_to_num(-1.0))
        losses.append(torch.stack(list(model(inputs, batch["data_samples"], "loss").values())))
    for other in (1, 2):
        assert torch.equal(scores[0], scores[other])
        assert torch.equal(losses[0], losses[other])
    assert scores[0][:, unseen].eq(-1.0).all()
    assert scores[0].eq(-1.0).sum() == 4 + 4 * 2  # one score a clip, and its two steps


def test_no_track_at_all_is_no_score(model, batch):
    inputs = {n: torch.zeros_like(v) for n, v in masked(batch["inputs"]).items()}
    samples = model(inputs, mode="predict")
    assert all(sample.pred_scores.isnan().all() for sample in samples)


# Which eighths of a clip are missing.
GAPS = {"end": slice(4, 8), "start": slice(0, 4), "middle": slice(2, 6)}


@pytest.fixture(params=["tiny", "demo"])
def towers(request, plain_model_cfg):
    """A detector without exchange and places, whose biases and layers matter as after training."""
    cfg = plain_model_cfg
    if request.param == "demo":
        cfg = Config.fromfile(CONFIGS / "macbdf_demo.py").model.to_dict()
        cfg = cfg | dict(neck=dict(type="PlainFusionNeck"), frame_head=None)
    torch.manual_seed(0)
    model = build_part(MODELS, cfg)
    for name, tensor in model.state_dict().items():
        if name.endswith("position.table"):  # A shorter clip has other places.
            tensor.zero_()
        elif name.endswith(("bias", "running_mean")):  # They start at zero.
            tensor.normal_(std=0.3)
        elif "lambda" in name:
            tensor.fill_(1.0)
    return model.eval()


def packed_for(model, generator):
    """A packed clip for the model: 8 steps of the video, 16 of the audio."""
    video, audio = model.video_backbone.encoder, model.audio_backbone.encoder
    size = video.stem.patch[1] * video.position.grid[1]
    num_samples = 16 * audio.stem.patch[1] * model.data_preprocessor.log_mel.hop_length
    return {
        "video": torch.randint(0, 256, (3, 16, size, size), generator=generator).byte(),
        "video_mask": torch.ones(16, dtype=torch.bool),
        "waveform": 0.1 * torch.randn(num_samples, generator=generator),
        "audio_mask": torch.ones(num_samples, dtype=torch.bool),
    }


def features(model, clip):
    """The maps after the last layer: of video and audio, with their masks."""
    inputs = model.data_preprocessor(pseudo_collate([{"inputs": clip}]))["inputs"]
    with torch.no_grad():
        video, audio, masks = model.encode(inputs)
        weights = model.neck.weigh(video, audio, None, masks)
        return (*model.extract_and_exchange(video, audio, weights, masks)[-1], masks)


def with_gap(clip, place, filling):
    """The clip with some eighths of both tracks invalid, and filled with something else."""
    clip = {name: tensor.clone() for name, tensor in clip.items()}
    for track, time_dim in (("video", 1), ("waveform", 0)):
        gap = in_gap(clip[track].shape[time_dim], place)
        clip["video_mask" if track == "video" else "audio_mask"][gap] = False
        part = clip[track].movedim(time_dim, 0)[gap]
        part.copy_(torch.full_like(part, filling))
    return clip


def in_gap(length, place):
    """The indices that are missing."""
    eighth = length // 8
    return slice(GAPS[place].start * eighth, GAPS[place].stop * eighth)


@pytest.mark.parametrize("place", ["end", "start"])
def test_valid_steps_of_a_padded_clip_are_those_of_the_short_clip(towers, place):
    clip = packed_for(towers, torch.Generator().manual_seed(1))
    short = {}
    for name, tensor in clip.items():
        time_dim = 1 if name == "video" else 0
        half = tensor.shape[time_dim] // 2
        short[name] = tensor.narrow(time_dim, 0 if place == "end" else half, half)
    expected = features(towers, short)
    padded = with_gap(clip, place, 77)
    found = features(towers, padded)
    for own, other, mask, time_dim in zip(found, expected, found[2], (2, 3), strict=False):
        kept = own.movedim(time_dim, 0)[mask[0]].movedim(0, time_dim)
        assert not mask.all()
        assert other.std() > 0.1
        # Sums of other lengths, through a network with branches at full scale.
        torch.testing.assert_close(kept, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("place", GAPS)
def test_what_stands_in_a_gap_reaches_no_valid_step(towers, place):
    clip = packed_for(towers, torch.Generator().manual_seed(1))
    found = [features(towers, with_gap(clip, place, filling)) for filling in (0, 200)]
    silent = with_gap(clip, place, 0)
    silent["waveform"][~silent["audio_mask"]] = torch.nan
    found.append(features(towers, silent))
    for maps in found[1:]:
        for own, other, mask, time_dim in zip(maps, found[0], maps[2], (2, 3), strict=False):
            kept = mask[0].nonzero()[:, 0]
            assert torch.equal(own.index_select(time_dim, kept), other.index_select(time_dim, kept))


def test_a_layer_without_masks_reads_zeros_where_nothing_is_valid(plain_model, make_packed):
    read = []

    class Foreign(torch.nn.Module):
        def forward(self, x):
            read.append(x)
            return x + 1

    plain_model.video_backbone.layers = torch.nn.ModuleList([Foreign(), Foreign()])
    clip = make_packed(LABELS[:1])[0]["inputs"]
    clip["video_mask"][2:] = False
    features(plain_model, clip)
    assert [x[:, :, 1].abs().max().item() for x in read] == [0.0, 0.0]
    torch.testing.assert_close(read[1][:, :, 0], read[0][:, :, 0] + 1)


def test_a_batch_without_gaps_gets_no_masks_and_the_same_results(model, batch):
    given = []
    for tower in (model.video_backbone, model.audio_backbone):
        for part in (*tower.layers, *tower.encoder.blocks):
            part.register_forward_pre_hook(
                lambda module, args, kwargs: given.append((*args, *kwargs.values())[1:]),
                with_kwargs=True,
            )
    scores = predictions(model, batch["inputs"])
    assert len(given) == 6
    assert all(mask in ((), (None,)) for mask in given)
    given.clear()
    torch.testing.assert_close(predictions(model, masked(batch["inputs"])), scores)
    assert all(mask.all() for (mask,) in given)
    without = model.encode(batch["inputs"])[2]
    full = model.encode(masked(batch["inputs"]))[2]
    assert torch.equal(without.video, full.video)
    assert torch.equal(without.audio, full.audio)
    assert without.where_needed == (None, None)
    assert full.where_needed == (full.video, full.audio)


def test_extract_and_exchange_is_layer_by_layer(model, batch):
    video, audio, masks = model.encode(batch["inputs"])
    assert masks.video.shape == (4, 2)
    assert masks.audio.shape == (4, 4)
    weights = model.neck.weigh(video, audio, model.neck.embed(video, audio, masks), masks)
    layers = model.extract_and_exchange(video, audio, weights, masks)
    assert len(layers) == 2
    # The gates of the exchange start at zero, so a new detector's towers are as they are alone.
    torch.testing.assert_close(layers[-1][0], model.video_backbone(batch["inputs"]["video"]))
    model.audio_backbone.input_format = "NCFT"  # Alone, it has to be told of a square one.
    torch.testing.assert_close(layers[-1][1], model.audio_backbone(batch["inputs"]["spectrogram"]))


@pytest.mark.holds("Figure 1")
def test_the_neck_sees_each_layer_from_both_sides(model, batch):
    """Eqs. 17-18 need the maps before a layer, the blocks' outputs, the weights and the masks."""
    calls = []

    class Doubling(PlainFusionNeck):
        def exchange(self, layer, before, extracted, weights, masks):
            calls.append((layer, before, extracted, weights, masks))
            return 2 * extracted[0], 2 * extracted[1]

    model.neck = Doubling(model.video_backbone.embed_dims, model.audio_backbone.embed_dims)
    video, audio, masks = model.encode(batch["inputs"])
    weights = model.neck.weigh(video, audio, None, masks)
    layers = model.extract_and_exchange(video, audio, weights, masks)
    before = (video, audio)
    towers = zip(model.video_backbone.layers, model.audio_backbone.layers, strict=True)
    for index, (call, (video_layer, audio_layer)) in enumerate(zip(calls, towers, strict=True)):
        assert call[0] == index
        assert all(torch.equal(*pair) for pair in zip(call[1], before, strict=True))
        extracted = (video_layer(before[0]), audio_layer(before[1]))
        assert all(torch.equal(*pair) for pair in zip(call[2], extracted, strict=True))
        assert call[3] is weights
        assert call[4] is masks
        before = layers[index]
        assert all(torch.equal(*p) for p in zip(before, [2 * e for e in extracted], strict=True))


@pytest.mark.holds("model.video_backbone.depth")
def test_depth_zero_reads_the_encoders(tiny_model_cfg, make_packed):
    for tower in ("video_backbone", "audio_backbone"):
        tiny_model_cfg[tower]["depth"] = 0
    model = build_part(MODELS, tiny_model_cfg).eval()
    inputs = model.data_preprocessor(pseudo_collate(make_packed(LABELS)))["inputs"]
    video, audio, masks = model.encode(inputs)
    weights = model.neck.weigh(video, audio, model.neck.embed(video, audio, masks), masks)
    fused = model.neck.fuse([(video, audio)], weights, masks)
    assert torch.equal(model(inputs), model.head(fused))


def test_thresholds_travel_in_checkpoints(model, tiny_model_cfg, tmp_path):
    assert model.decision_threshold.tolist() == [0.5] * 3
    assert not model.is_threshold_fitted
    model.decision_threshold.copy_(torch.tensor([0.3, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    other = build_part(MODELS, tiny_model_cfg)
    other.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    torch.testing.assert_close(other.decision_threshold, torch.tensor([0.3, 0.4, 0.6]))
    assert other.is_threshold_fitted


@pytest.mark.holds("model.audio_backbone.depth")
def test_towers_of_two_depths_are_refused(tiny_model_cfg):
    tiny_model_cfg["audio_backbone"]["depth"] = 1
    with pytest.raises(ValueError, match="one `depth`, got 2 for video and 1 for audio"):
        build_part(MODELS, tiny_model_cfg)


def test_unknown_mode_is_refused(model, batch):
    with pytest.raises(ValueError, match="`mode` 'loss', 'predict' or 'tensor', got 'train'"):
        model(**batch, mode="train")


def test_a_loss_needs_labels(model, batch):
    with pytest.raises(ValueError, match="`data_samples` with labels for mode='loss'"):
        model(batch["inputs"], mode="loss")


@pytest.mark.parametrize(("name", "depth"), [("macbdf_demo.py", 2), ("macbdf_s.py", 6)])
def test_the_configs_of_both_sizes_build(name, depth):
    model = build_part(MODELS, Config.fromfile(CONFIGS / name).model)
    assert model.video_backbone.depth == depth


@pytest.mark.slow
def test_the_s_model_takes_a_clip_of_its_size():
    model = build_part(MODELS, Config.fromfile(CONFIGS / "macbdf_s.py").model).eval()
    inputs = {
        "video": torch.randn(1, 3, 16, 224, 224),
        "video_mask": torch.ones(1, 16, dtype=torch.bool),
        "spectrogram": torch.randn(1, 1, 64, 256),
        "audio_mask": torch.ones(1, 256, dtype=torch.bool),
    }
    video, audio, _ = model.encode(inputs)
    assert video.shape == (1, 192, 8, 14, 14)
    assert audio.shape == (1, 192, 4, 64)
    with torch.no_grad():
        assert model(inputs).isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("is_mixed", [False, True])
def test_a_training_step_on_the_gpu(model, make_packed, is_mixed):
    model = model.cuda().train()
    assert all(tensor.is_cuda for tensor in model.state_dict().values())
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=is_mixed):
        log = model.train_step(pseudo_collate(make_packed(LABELS)), wrapper)
    assert all(value.isfinite() for value in log.values())
    samples = model.eval().test_step(pseudo_collate(make_packed(LABELS)))
    assert all(sample.pred_scores.isfinite().all() for sample in samples)
