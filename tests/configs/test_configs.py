"""Every config of the project: it parses, inherits shallowly, says what it is, and builds."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, MODELS, init_default_scope

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.transforms.decode_audio_visual import DecodeAudioVisual
from macbdf_mm.engine.run_options import use_full_precision
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.registry import DATASETS, METRICS, TRANSFORMS, build_part
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample
from macbdf_mm.structures.labels import CATEGORIES, clip_label

CONFIGS = Path(__file__).parents[2] / "configs"
ALL = sorted(CONFIGS.rglob("*.py"))
LEAVES = [path for path in ALL if "_base_" not in path.parts]


def depth_of(path):
    bases = Config._get_base_files(str(path))
    return 1 + max((depth_of(path.parent / base) for base in bases), default=0)


def name(path):
    return str(path.relative_to(CONFIGS))


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_config_begins_with_what_it_is(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > len("# a few words")


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_inheritance_has_at_most_two_levels(path):
    assert depth_of(path) <= 3  # a base of a base, and the leaf itself


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_every_part_is_built(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    assert isinstance(model, MACBDF)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            assert callable(build_part(TRANSFORMS, transform))
        packing = loader.dataset.pipeline[-1]
        encoder = cfg.model.video_backbone.encoder
        assert packing.num_steps == encoder.num_frames // encoder.tubelet_size
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        METRICS.build(evaluator)
    for hook in cfg.default_hooks.values():
        HOOKS.build(hook)
    # What was skipped is named at the end of an epoch.
    assert "ReportSkippedFilesHook" in [hook.type for hook in cfg.default_hooks.values()]


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_the_preprocessor_gives_the_size_that_the_encoders_expect(path):
    cfg = Config.fromfile(path)
    span = cfg.train_dataloader.dataset.pipeline[0].span_seconds
    log_mel = cfg.model.data_preprocessor.log_mel
    audio = cfg.model.audio_backbone.encoder
    assert round(span * log_mel.sample_rate) // log_mel.hop_length == audio.num_frames
    assert log_mel.num_mels == audio.num_mels
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        transforms = [build_part(TRANSFORMS, item) for item in loader.dataset.pipeline]
        (decode,) = [item for item in transforms if isinstance(item, DecodeAudioVisual)]
        assert decode.sample_rate == log_mel.sample_rate


def pipelines_and_input(path):
    cfg = Config.fromfile(path)
    pipelines = [cfg[f"{part}_dataloader"].dataset.pipeline for part in ("train", "test")]
    video = cfg.model.video_backbone.encoder
    return repr((pipelines, video.num_frames, video.img_size))


# The ablations of a data set read it in the same way: one config of each way is enough.
WAYS_TO_READ = list({pipelines_and_input(path): path for path in reversed(LEAVES)}.values())


@pytest.mark.parametrize("path", WAYS_TO_READ, ids=name)
def test_the_pipelines_give_the_frames_that_the_encoder_expects(path, make_clip):
    """A small file runs through both pipelines, cropping and resizing included."""
    cfg = Config.fromfile(path)
    video = cfg.model.video_backbone.encoder
    clip = make_clip(seconds=3.0)
    row = ClipRow(file=clip.name, label=0, video_label=0, audio_label=0, duration_seconds=3.0)
    save_annotation(
        clip.parent / "annotation.json", {"dataset": "d", "faces": {"crops": {"size": 96}}}, [row]
    )
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        place = dict(ann_file="annotation.json", data_root=str(clip.parent), split=None)
        data = build_part(DATASETS, {**loader.dataset, **place})
        expected = (3, video.num_frames, video.img_size, video.img_size)
        assert tuple(data[0]["inputs"]["video"].shape) == expected


def reads_real_data(path):
    return Config.fromfile(path).train_dataloader.dataset.get("data_root") != "data/demo"


REAL_DATA = [path for path in LEAVES if reads_real_data(path)]


@pytest.mark.parametrize("path", REAL_DATA, ids=name)
def test_tests_leave_no_gap_and_see_the_windows_of_a_prediction(path):
    cfg = Config.fromfile(path)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        chooser = loader.dataset.pipeline[0]
        if "ForgeRealClip" in [transform.type for transform in loader.dataset.pipeline]:
            # A clip whose windows are forged one by one would have several labels.
            assert loader is cfg.val_dataloader
            assert loader.dataset.windows_per_clip == 1
        else:
            assert chooser.stride_seconds == chooser.span_seconds / 2
            assert "windows_per_clip" not in loader.dataset


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_what_cannot_be_judged_is_masked_right_after_decoding_and_known_from_training(path):
    cfg = Config.fromfile(path)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        types = [transform.type for transform in loader.dataset.pipeline]
        assert types[types.index("DecodeAudioVisual") + 1] == "MaskUnusable"
    types = [transform.type for transform in cfg.train_dataloader.dataset.pipeline]
    if reads_real_data(path) or "ForgeRealClip" in types:
        assert "BlankStart" in types
        if "ForgeRealClip" in types:
            # What is blank is not forged, and real and forged clips are blanked alike.
            assert types.index("ForgeRealClip") < types.index("BlankStart")


@pytest.mark.parametrize("path", REAL_DATA, ids=name)
def test_the_recipe_for_real_data(path):
    """Balanced, from face crops unless the name says otherwise, at 25 frames a second."""
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader.sampler.type == "BalancedSampler"
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.face_crops == ("full_frames" not in path.stem)
        assert loader.dataset.data_root.endswith("_crops") == loader.dataset.face_crops
        span, decode = (loader.dataset.pipeline[index] for index in (0, 1))
        assert decode.num_frames / span.span_seconds == 25.0
    assert cfg.optim_wrapper.type == "OMParetoAmpOptimWrapper"
    assert cfg.optim_wrapper.dtype == "bfloat16"
    assert cfg.env_cfg.allow_tf32 is True
    # The rate is that of one update of one GPU.
    counts = cfg.optim_wrapper.get("accumulative_counts", 1)
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size * counts
    encoder = cfg.model.video_backbone.encoder
    is_videomae = "videomae" in path.stem
    assert (encoder.stem == "convolutional") == (not is_videomae)
    assert (encoder.difference_gain > 0) == (not is_videomae)


def test_half_of_the_clips_are_real_where_both_tracks_are_labelled():
    for name in ("fakeavceleb", "lavdf", "av_deepfake1m", "defakeavmit"):
        sampler = Config.fromfile(CONFIGS / f"macbdf_{name}.py").train_dataloader.sampler
        shares = dict(sampler.shares)
        assert (sampler.by, shares.pop("unknown")) == ("category", 0)
        assert set(shares) == set(CATEGORIES.values())
        assert shares.pop("RVRA") == sum(shares.values())
        assert len(set(shares.values())) == 1


def test_encoders_of_another_training_are_loaded_and_learn_at_a_fifth_of_the_rate(tmp_path):
    init_default_scope("macbdf_mm")
    torch.manual_seed(0)
    cfg = tiny(Config.fromfile(CONFIGS / "macbdf_fakeavceleb_pretrained.py"))
    other = MODELS.build(tiny(Config.fromfile(CONFIGS / "macbdf_dfdc_real_only.py")).model)
    torch.save({"state_dict": other.state_dict()}, tmp_path / "other.pth")
    for tower in (cfg.model.video_backbone, cfg.model.audio_backbone):
        assert tower.encoder.init_cfg.checkpoint == cfg.encoders
        tower.encoder.init_cfg.checkpoint = str(tmp_path / "other.pth")
    model = MODELS.build(cfg.model)
    model.init_weights()
    trained = dict(other.named_parameters())
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    encoder = {name for name in names.values() if "backbone.encoder." in name}
    assert encoder
    for name, parameter in model.named_parameters():
        assert name not in encoder or torch.equal(parameter, trained[name]), name
    use_full_precision(cfg)
    groups = build_optim_wrapper(model.train(), cfg.optim_wrapper).optimizer.param_groups
    rates = {names[id(each)]: group["lr"] for group in groups for each in group["params"]}
    base = cfg.optim_wrapper.optimizer.lr
    assert {name for name, rate in rates.items() if rate == pytest.approx(0.2 * base)} == encoder
    assert {rates[name] for name in rates if name not in encoder} == {base}


def test_videomae_weights_are_loaded_and_learn_at_a_tenth_of_the_rate(tmp_path):
    """Weights of mmaction2's own ViT, in the smallest size, by the config's own parts."""
    init_default_scope("macbdf_mm")
    cfg = tiny(Config.fromfile(CONFIGS / "macbdf_dfdc_videomae.py"))
    sizes = dict(img_size=32, embed_dims=24, depth=1, num_heads=2, num_frames=16)
    vit = MODELS.build(dict(type="mmaction.VisionTransformer", patch_size=16, **sizes))
    checkpoint = tmp_path / "vit.pth"
    weights = {f"backbone.{key}": value for key, value in vit.state_dict().items()}
    torch.save({"state_dict": weights}, checkpoint)
    encoder = cfg.model.video_backbone.encoder
    assert encoder.init_cfg.checkpoint == cfg.videomae_checkpoint
    encoder.init_cfg.checkpoint = str(checkpoint)
    model = MODELS.build(cfg.model)
    model.init_weights()
    own = model.video_backbone.encoder.state_dict()
    assert torch.equal(
        own["stem.projection.weight"], weights["backbone.patch_embed.projection.weight"]
    )
    use_full_precision(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    slow = {id(parameter) for parameter in model.video_backbone.encoder.parameters()}
    for group in wrapper.optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == pytest.approx(2e-5 if id(parameter) in slow else 2e-4)
            assert group["weight_decay"] == 0 or parameter.dim() > 1


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_a_training_step_of_a_tiny_version(path):
    """The config's own parts, wrapper included; only sizes are made smaller."""
    torch.manual_seed(0)
    cfg = tiny(Config.fromfile(path))
    is_mixed = "Amp" in cfg.optim_wrapper.type and torch.cuda.is_available()
    if not is_mixed:
        use_full_precision(cfg)  # As a runner does without a GPU.
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model).train().to("cuda" if is_mixed else "cpu")
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10)
    steps = cfg.train_dataloader.dataset.pipeline[-1].num_steps
    for seed in (0, 1):
        log = model.train_step(tiny_batch(cfg, steps, seed), wrapper)
        assert all(value.isfinite() for value in log.values())
        if hasattr(model.neck, "advance"):
            model.neck.advance()
    assert log["loss"] > 0


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_weights_decay_and_nothing_else_does(path):
    cfg = tiny(Config.fromfile(path))
    cfg.model.video_backbone.encoder.position = "learnable"
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    cfg.optim_wrapper.type = cfg.optim_wrapper.type.replace("Amp", "")  # It needs a CUDA device.
    for key in ("dtype", "loss_scale"):
        cfg.optim_wrapper.pop(key, None)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    base = cfg.optim_wrapper.optimizer.weight_decay
    assert base > 0
    for name, parameter in model.named_parameters():
        is_place = name.endswith(("_embedding", "position.table"))
        expected = 0.0 if parameter.dim() < 2 or is_place else base
        assert decay.pop(id(parameter)) == expected, name
    assert not decay


def tiny(cfg):
    """Return the config with 32x32 pixels and a few channels and layers of the encoders."""
    for name, encoder in (
        ("video_backbone", dict(img_size=32)),
        ("audio_backbone", dict(num_frames=64)),
    ):
        tower = cfg.model[name]
        tower.encoder.update(encoder, embed_dims=24, depth=1, num_heads=2)
        tower.embed_dims = 12
    if cfg.model.neck.type == "ContrastiveFusionNeck":
        cfg.model.neck.weights.num_heads = cfg.model.neck.fusion.num_heads = 2
    return cfg


def tiny_batch(cfg, num_steps, seed):
    """Return four packed clips, one of each category."""
    generator = torch.Generator().manual_seed(seed)
    num_samples = 64 * cfg.model.data_preprocessor.log_mel.hop_length
    num_frames = cfg.model.video_backbone.encoder.num_frames
    packed = []
    for index, (video, audio) in enumerate(CATEGORIES):
        sample = ForgeryDataSample(metainfo={"file": f"{seed}{index}.mp4"})
        labels = {"gt_label": clip_label(video, audio), "gt_video_label": video}
        for key, label in {**labels, "gt_audio_label": audio}.items():
            sample.set_field(torch.tensor(label), key)
        sample.gt_video_steps = torch.full((num_steps,), video)
        sample.gt_audio_steps = torch.full((num_steps,), audio)
        frames = torch.randint(0, 256, (3, num_frames, 32, 32), generator=generator)
        inputs = {
            "video": frames.byte(),
            "video_mask": torch.ones(num_frames, dtype=torch.bool),
            "waveform": 0.1 * torch.randn(num_samples, generator=generator),
            "audio_mask": torch.ones(num_samples, dtype=torch.bool),
        }
        packed.append({"inputs": inputs, "data_samples": sample})
    return pseudo_collate(packed)


@pytest.mark.slow
@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_a_forward_pass_at_full_size(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model).eval()
    video, audio = cfg.model.video_backbone.encoder, cfg.model.audio_backbone.encoder
    inputs = {
        "video": torch.randn(1, 3, video.num_frames, video.img_size, video.img_size),
        "video_mask": torch.ones(1, video.num_frames, dtype=torch.bool),
        "spectrogram": torch.randn(1, 1, audio.num_mels, audio.num_frames),
        "audio_mask": torch.ones(1, audio.num_frames, dtype=torch.bool),
    }
    with torch.inference_mode():
        logits = model(inputs, mode="tensor")
    assert logits.shape == (1, 3)
    assert logits.isfinite().all()


def test_the_page_on_installing_says_how_much_shared_memory_batches_need():
    loader = Config.fromfile(str(CONFIGS / "macbdf_dfdc.py")).train_dataloader
    parts = {part.type.rpartition(".")[2]: part for part in loader.dataset.pipeline}
    height, width = parts["Resize"].scale
    num_frames = parts["DecodeAudioVisual"].num_frames
    num_samples = round(parts["SampleClipSpan"].span_seconds * 16_000)
    clip_bytes = 3 * num_frames * height * width + num_frames + 5 * num_samples
    batch = loader.batch_size * clip_bytes / 1e6
    needed = batch * (loader.num_workers * loader.get("prefetch_factor", 2) + 1)
    page = (CONFIGS.parent / "docs" / "install.md").read_text(encoding="utf-8")
    assert f"has {batch:.0f} MB (" in page
    assert f"up to {needed:.0f} MB" in page
    assert needed < int(re.search(r"--shm-size=(\d+)m", page)[1])


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_loaders_give_up_on_a_batch_that_does_not_come(path):
    cfg = Config.fromfile(str(path))
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.timeout == 1800
