import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope

from macbdf_mm.models.backbones.large_kernel_backbone import (
    LargeKernelBackbone,
    MFTLKABackbone,
    MSTLKABackbone,
)
from macbdf_mm.models.encoders.audio_transformer_encoder import AudioTransformerEncoder

ENCODER = dict(
    type="AudioTransformerEncoder",
    num_mels=8,
    num_frames=16,
    patch_size=(4, 2),
    embed_dims=8,
    depth=1,
    num_heads=2,
)
VIDEO_BACKBONE = dict(
    type="macbdf_mm.MSTLKABackbone",
    depth=1,
    embed_dims=12,
    encoder=dict(
        type="VideoTransformerEncoder",
        img_size=16,
        num_frames=4,
        patch_size=8,
        embed_dims=8,
        depth=1,
        num_heads=2,
    ),
)
AUDIO_BACKBONE = dict(
    type="macbdf_mm.MFTLKABackbone",
    depth=1,
    embed_dims=12,
    encoder=dict(
        type="AudioTransformerEncoder",
        num_mels=16,
        num_frames=32,
        patch_size=(8, 4),
        embed_dims=8,
        depth=1,
        num_heads=2,
    ),
)


def backbone(**kwargs):
    return LargeKernelBackbone(**{"encoder": ENCODER, "num_dims": 2, "embed_dims": 12, **kwargs})


def video_tower(**kwargs):
    """A tower of two layers, and clips for it."""
    encoder = {**VIDEO_BACKBONE["encoder"], "num_frames": 8}
    tower = MSTLKABackbone(encoder=encoder, depth=2, embed_dims=12, **kwargs).eval()
    return tower, torch.randn(2, 3, 8, 16, 16)


def audio_tower(**kwargs):
    kwargs = dict(encoder=ENCODER, depth=2, embed_dims=12, input_format="NCFT", **kwargs)
    return MFTLKABackbone(**kwargs).eval(), torch.randn(2, 1, 8, 16)


def test_forward_is_encode_and_then_each_layer():
    tower, x = backbone(depth=3).eval(), torch.randn(2, 1, 8, 16)
    stepwise = tower.encode(x)
    assert stepwise.shape == (2, 12, 2, 8)
    assert len(tower.layers) == tower.depth == 3
    for layer in tower.layers:
        stepwise = layer(stepwise)
    assert torch.equal(tower(x), stepwise)


def test_working_width_is_reached_by_a_pointwise_map():
    tower, x = backbone(depth=0).eval(), torch.randn(2, 1, 8, 16)
    encoded = tower.encoder(x)
    expected = torch.einsum("oc,bcft->boft", tower.project.weight, encoded)
    expected = expected + tower.project.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(tower(x), expected, rtol=1e-5, atol=1e-6)


def test_equal_widths_need_no_map_and_depth_zero_is_the_encoder():
    tower, x = backbone(depth=0, embed_dims=8).eval(), torch.randn(2, 1, 8, 16)
    assert torch.equal(tower(x), tower.encoder(x))


def test_a_built_encoder_is_taken_as_it_is():
    encoder = AudioTransformerEncoder(8, 16, (4, 2), embed_dims=6, depth=1, num_heads=2)
    assert backbone(encoder=encoder).encoder is encoder


def test_mask_reaches_the_encoder():
    tower, x = backbone(depth=1).eval(), torch.randn(1, 1, 8, 16)
    mask = torch.arange(16)[None] < 8
    filled = x.masked_fill(~mask[:, None, None], float("nan"))
    torch.testing.assert_close(tower(filled, mask), tower(x, mask))


@pytest.mark.parametrize(("build", "time_dim"), [(video_tower, 2), (audio_tower, 3)])
def test_a_padded_clip_gives_the_map_of_the_short_one_and_zeros(build, time_dim):
    tower, x = build(residual_scale=1.0)
    torch.nn.init.zeros_(tower.encoder.position.table)
    for name, parameter in tower.named_parameters():
        if name.endswith("bias"):  # They start at zero.
            torch.nn.init.normal_(parameter)
    half = x.shape[time_dim] // 2
    mask = (torch.arange(2 * half) < half).expand(2, -1)
    x.narrow(time_dim, half, half).fill_(torch.nan)
    short = x.narrow(time_dim, 0, half)
    for run in (tower.encode, tower):
        expected = run(short)
        length = expected.shape[time_dim]
        padded = run(x, mask)
        torch.testing.assert_close(
            padded.narrow(time_dim, 0, length), expected, rtol=1e-4, atol=1e-4
        )
        assert padded.narrow(time_dim, length, length).eq(0.0).all()


def test_kernels_reach_the_layers():
    tower = backbone(depth=1, kernels=[(3, 3, 2, 3), (3, 5, 2, 3)], gate_kernel_size=3)
    assert len(tower.layers[0].attention.scales) == 2
    assert tower.layers[0].gate.depthwise.kernel_size == (3, 3)


@pytest.mark.holds("model.video_backbone.residual_scale", "model.audio_backbone.residual_scale")
@pytest.mark.parametrize("build", [video_tower, audio_tower])
def test_the_share_of_the_layers_in_the_stream_follows_their_residual_scale(build):
    shares = {}
    for scale in (0.01, 0.1, 0.3):
        torch.manual_seed(0)
        tower, x = build(residual_scale=scale)
        for layer in tower.layers:
            assert layer.lambda_1.item() == layer.lambda_2.item() == pytest.approx(scale)
        before = tower.encode(x)
        shares[scale] = ((tower(x) - before).norm() / before.norm()).item()
    # To the first order in the scale, for two layers.
    assert shares[0.1] == pytest.approx(10 * shares[0.01], rel=0.1)
    assert shares[0.3] == pytest.approx(3 * shares[0.1], rel=0.3)
    assert shares[0.01] < 0.02
    assert shares[0.1] > 0.05


def test_negative_depth_is_refused():
    with pytest.raises(ValueError, match="`depth` >= 0, got -1"):
        backbone(depth=-1)


def test_width_that_is_no_multiple_of_three_is_refused():
    with pytest.raises(ValueError, match="multiple of the 3 groups of `kernels`, got 100"):
        backbone(embed_dims=100)


@pytest.mark.parametrize("with_cp", [False, True])
def test_checkpointing_is_a_switch_of_the_layers_alone(with_cp):
    tower = backbone(depth=2, with_cp=with_cp)
    assert all(layer.with_cp is with_cp for layer in tower.layers)
    assert not tower.encoder.blocks[0].with_cp


def labelled(label):
    """A data sample of mmaction2, whose setter has another name in 1.1 than in 1.2."""
    from mmaction.structures import ActionDataSample

    sample = ActionDataSample()
    setter = getattr(sample, "set_gt_label", None) or sample.set_gt_labels
    return setter(label)


@pytest.fixture
def video_recognizer():
    """mmaction2's video recogniser, built in mmaction2's scope as in a project of its own."""
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmaction"):
        return MODELS.build(
            dict(
                type="Recognizer3D",
                backbone=VIDEO_BACKBONE,
                cls_head=dict(type="I3DHead", num_classes=2, in_channels=12, average_clips="prob"),
                data_preprocessor=dict(type="ActionDataPreprocessor", format_shape="NCTHW"),
            )
        )


def test_it_trains_and_predicts_as_a_video_recognizer_of_mmaction2(video_recognizer):
    samples = [labelled(label) for label in (0, 1)]
    clips = [torch.randint(0, 256, (1, 3, 4, 16, 16), dtype=torch.uint8) for _ in samples]
    wrapper = OptimWrapper(torch.optim.SGD(video_recognizer.parameters(), lr=0.1))
    before = {name: p.detach().clone() for name, p in video_recognizer.named_parameters()}
    with DefaultScope.overwrite_default_scope("mmaction"):
        losses = video_recognizer.train_step({"inputs": clips, "data_samples": samples}, wrapper)
        predicted = video_recognizer.test_step({"inputs": clips, "data_samples": samples})
    assert losses["loss_cls"].isfinite()
    assert all(not torch.equal(p, before[name]) for name, p in video_recognizer.named_parameters())
    assert len(predicted) == 2


NUM_MELS = 80


@pytest.fixture
def audio_recognizer(request):
    """mmaction2's audio recogniser, built in mmaction2's scope as in a project of its own."""
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    backbone = {**AUDIO_BACKBONE, "encoder": {**AUDIO_BACKBONE["encoder"], "num_mels": NUM_MELS}}
    backbone["input_format"] = getattr(request, "param", "NCTF")
    with DefaultScope.overwrite_default_scope("mmaction"):
        return MODELS.build(
            dict(
                type="RecognizerAudio",
                backbone=backbone,
                cls_head=dict(
                    type="TSNAudioHead", num_classes=2, in_channels=12, average_clips="prob"
                ),
            )
        )


def features_of_mmaction2(folder, length):
    """Two clips as mmaction2's audio pipeline makes them of stored features, (1, 1, T, F)."""
    from mmaction.datasets import transforms

    pipeline = [
        transforms.LoadAudioFeature(),
        transforms.SampleFrames(clip_len=length, frame_interval=1, num_clips=1, test_mode=True),
        transforms.AudioFeatureSelector(fixed_length=length),
        transforms.FormatAudioShape(input_format="NCTF"),
    ]
    clips = []
    for seed in (0, 1):
        path = folder / f"{seed}.npy"
        np.save(path, np.random.default_rng(seed).normal(size=(200, NUM_MELS)).astype(np.float32))
        results = dict(audio_path=str(path), total_frames=200, start_index=0, modality="Audio")
        for transform in pipeline:
            results = transform(results)
        clips.append(torch.from_numpy(results["audios"]))
    return clips


def test_it_trains_on_the_audio_pipeline_of_mmaction2(audio_recognizer, tmp_path):
    samples, clips = [labelled(label) for label in (0, 1)], features_of_mmaction2(tmp_path, 32)
    assert clips[0].shape == (1, 1, 32, NUM_MELS)
    wrapper = OptimWrapper(torch.optim.SGD(audio_recognizer.parameters(), lr=0.1))
    before = {name: p.detach().clone() for name, p in audio_recognizer.named_parameters()}
    with DefaultScope.overwrite_default_scope("mmaction"):
        losses = audio_recognizer.train_step({"inputs": clips, "data_samples": samples}, wrapper)
    assert losses["loss_cls"].isfinite()
    assert all(not torch.equal(p, before[name]) for name, p in audio_recognizer.named_parameters())


def test_the_stated_format_is_what_is_read(audio_recognizer, tmp_path):
    tower = audio_recognizer.backbone.eval()
    clips = torch.cat(features_of_mmaction2(tmp_path, 32))  # (2, 1, T, F)
    out = tower(clips)
    assert out.shape == (2, 12, NUM_MELS // 8, 8)
    tower.input_format = "NCFT"
    torch.testing.assert_close(out, tower(clips.transpose(2, 3)))


@pytest.mark.parametrize("audio_recognizer", [None, "NCFT"], indirect=True)
def test_clips_of_that_pipeline_are_refused_without_their_format(audio_recognizer, tmp_path):
    with pytest.raises(ValueError, match=r"got shape \(1, 1, 32, 80\).*input_format='NCTF'"):
        audio_recognizer.backbone(features_of_mmaction2(tmp_path, 32)[0])


@pytest.mark.parametrize("audio_recognizer", [None], indirect=True)
def test_axes_that_could_be_in_either_order_are_refused(audio_recognizer, tmp_path):
    clip = features_of_mmaction2(tmp_path, NUM_MELS)[0]
    with pytest.raises(ValueError, match=r"Expected `input_format` to be stated .*\(1, 1, 80, 80"):
        audio_recognizer.backbone(clip)
    # A detector's preprocessor has made it, and its order is known.
    assert audio_recognizer.backbone.encode(clip).shape == (1, 12, 10, 20)


def test_unknown_format_is_refused():
    with pytest.raises(ValueError, match="`input_format` 'NCFT' or 'NCTF', or None, got 'NCHW'"):
        MFTLKABackbone(input_format="NCHW", encoder=ENCODER)


def test_an_encoder_that_returns_no_map_is_refused():
    encoder = AudioTransformerEncoder(8, 16, (4, 2), embed_dims=6, depth=1, num_heads=2)
    tower, x = backbone(encoder=encoder), torch.randn(1, 1, 8, 16)
    encoder.forward = lambda x, mask: x.new_zeros(1, 6)
    with pytest.raises(
        ValueError, match=r"AudioTransformerEncoder to return a map .*got shape \(1"
    ):
        tower(x)
    encoder.forward = lambda x, mask: (x.new_zeros(1, 6, 2, 8),)
    with pytest.raises(ValueError, match=r"2 axes of the grid, B = 1 and .* = 6, got .*tuple"):
        tower(x)
