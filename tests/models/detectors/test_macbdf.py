from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper

from macbdf_mm.models.necks import PlainFusionNeck
from macbdf_mm.registry import MODELS, build_part

CONFIGS = Path(__file__).parents[3] / "configs" / "_base_" / "models"
LABELS = [(1, 0, 1), (0, 0, 0), (1, -1, -1), (1, 1, 0)]


@pytest.fixture
def model(tiny_model_cfg):
    torch.manual_seed(0)
    return build_part(MODELS, tiny_model_cfg).eval()


@pytest.fixture
def batch(model, make_packed):
    return model.data_preprocessor(pseudo_collate(make_packed(LABELS)))


def test_each_mode_returns_what_it_promises(model, batch):
    logits = model(**batch)
    assert logits.shape == (4, 3)
    losses = model(**batch, mode="loss")
    assert set(losses) == {"loss_overall", "loss_video", "loss_audio"}
    samples = model(**batch, mode="predict")
    torch.testing.assert_close(torch.stack([s.pred_scores for s in samples]), logits.sigmoid())
    assert samples[0] is batch["data_samples"][0]


def test_prediction_needs_no_samples(model, batch):
    assert len(model(batch["inputs"], mode="predict")) == 4


def test_training_reaches_every_parameter(model, make_packed):
    model.train()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    packed = make_packed(LABELS)
    packed[0]["inputs"]["video_mask"][:] = False
    packed[1]["inputs"]["audio_mask"][:] = False
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    log = model.train_step(pseudo_collate(packed), wrapper)
    assert all(value.isfinite() for value in log.values())
    unchanged = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert not unchanged


def test_training_learns_a_batch_by_heart(model, make_packed):
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    collated = pseudo_collate(make_packed(LABELS))
    model.train()
    losses = [model.train_step(collated, wrapper)["loss"].item() for _ in range(40)]
    assert losses[-1] < 0.3 * losses[0]


def test_one_clip_a_device_trains(model, make_packed):
    model.train()
    collated = pseudo_collate(make_packed(LABELS[:1]))
    losses = model(**model.data_preprocessor(collated), mode="loss")
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_a_clip_is_judged_by_itself(model, batch):
    together = model(**batch)
    for clip in range(4):
        inputs = {name: value[clip : clip + 1] for name, value in batch["inputs"].items()}
        torch.testing.assert_close(model(inputs)[0], together[clip], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("track", "mask", "unseen"), [("video", "video_mask", 1), ("spectrogram", "audio_mask", 2)]
)
def test_what_fills_a_masked_track_has_no_influence(model, batch, track, mask, unseen):
    inputs = dict(batch["inputs"])
    inputs[mask] = torch.zeros_like(inputs[mask])
    scores = []
    for filling in (0.0, 3.0, torch.nan):
        inputs[track] = torch.full_like(inputs[track], filling)
        samples = model(inputs, batch["data_samples"], mode="predict")
        scores.append(torch.stack([sample.pred_scores for sample in samples]))
    assert torch.equal(scores[0].nan_to_num(-1.0), scores[1].nan_to_num(-1.0))
    assert torch.equal(scores[0].nan_to_num(-1.0), scores[2].nan_to_num(-1.0))
    assert scores[0][:, unseen].isnan().all()
    assert scores[0].isnan().sum() == 4


def test_no_track_at_all_is_no_score(model, batch):
    inputs = {n: torch.zeros_like(v) for n, v in batch["inputs"].items()}
    samples = model(inputs, mode="predict")
    assert all(sample.pred_scores.isnan().all() for sample in samples)


def test_extract_and_exchange_is_layer_by_layer(model, batch):
    video, audio, masks = model.encode(batch["inputs"])
    assert masks.video.shape == (4, 2)
    assert masks.audio.shape == (4, 4)
    layers = model.extract_and_exchange(video, audio, (None, None), masks)
    assert len(layers) == 2
    torch.testing.assert_close(layers[-1][0], model.video_backbone(batch["inputs"]["video"]))
    torch.testing.assert_close(layers[-1][1], model.audio_backbone(batch["inputs"]["spectrogram"]))


def test_the_neck_sees_each_layer_from_both_sides(model, batch):
    """Eqs. 17-18 need the maps before a layer, the blocks' outputs, the weights and the masks."""
    calls = []

    class Doubling(PlainFusionNeck):
        def exchange(self, layer, before, extracted, weights, masks):
            calls.append((layer, before, extracted, weights, masks))
            return 2 * extracted[0], 2 * extracted[1]

    model.neck = Doubling(model.video_backbone.embed_dims, model.audio_backbone.embed_dims)
    video, audio, masks = model.encode(batch["inputs"])
    weights = model.neck.weigh(video, audio, masks)
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


def test_depth_zero_reads_the_encoders(tiny_model_cfg, make_packed):
    for tower in ("video_backbone", "audio_backbone"):
        tiny_model_cfg[tower]["depth"] = 0
    model = build_part(MODELS, tiny_model_cfg).eval()
    inputs = model.data_preprocessor(pseudo_collate(make_packed(LABELS)))["inputs"]
    video, audio, masks = model.encode(inputs)
    assert torch.equal(model(inputs), model.head(model.neck.fuse([(video, audio)], masks)))


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
