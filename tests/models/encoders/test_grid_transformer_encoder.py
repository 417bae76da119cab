import re

import pytest
import torch

from macbdf_mm.models.encoders.audio_transformer_encoder import AudioTransformerEncoder
from macbdf_mm.models.encoders.video_transformer_encoder import VideoTransformerEncoder

WIDTH = dict(embed_dims=12, depth=2, num_heads=2)


def video_encoder(**kwargs):
    sizes = dict(img_size=8, num_frames=8, patch_size=4, tubelet_size=2)
    return VideoTransformerEncoder(**sizes, **WIDTH, **kwargs).eval()


def audio_encoder(**kwargs):
    return AudioTransformerEncoder(8, 16, (4, 2), **WIDTH, **kwargs).eval()


CASES = [
    pytest.param(video_encoder, (3, 8, 8, 8), (4, 2, 2), 2, id="video"),
    pytest.param(audio_encoder, (1, 8, 16), (2, 8), 3, id="audio"),
]


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
@pytest.mark.parametrize("is_convolutional", [False, True])
@pytest.mark.parametrize("position", ["sincos", "learnable"])
def test_grid_is_kept_and_everything_learns(
    build, shape, grid, time_dim, is_convolutional, position
):
    stem = {"stem": "convolutional"} if is_convolutional else {}
    encoder = build(position=position, final_norm=True, **stem)
    out = encoder(torch.randn(2, *shape))
    assert out.shape == (2, 12, *grid)
    (out * torch.randn(out.shape)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in encoder.parameters())


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
def test_padded_frames_have_no_influence(build, shape, grid, time_dim):
    encoder, x = build(), torch.randn(2, *shape)
    length = x.shape[time_dim]
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[0, length // 2 :] = False
    filled = x.clone()
    filled[0].movedim(time_dim - 1, 0)[length // 2 :] = float("nan")
    out = encoder(filled, mask)
    torch.testing.assert_close(out, encoder(x, mask))
    padded_steps = out[0].movedim(time_dim - 1, 0)[out.shape[time_dim] // 2 :]
    assert padded_steps.eq(0.0).all()


@pytest.mark.holds("3.1, encoders")
@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
def test_attention_to_padding_equals_cropping(build, shape, grid, time_dim):
    """With patches for a stem and positions taken out, a masked half is as good as cut off."""
    encoder = build()
    torch.nn.init.zeros_(encoder.position.table)
    x = torch.randn(2, *shape)
    length = x.shape[time_dim]
    mask = (torch.arange(length) < length // 2).expand(2, -1)
    cropped = encoder(x.narrow(time_dim, 0, length // 2))
    masked = encoder(x, mask).narrow(time_dim, 0, cropped.shape[time_dim])
    torch.testing.assert_close(masked, cropped, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
def test_an_entirely_masked_clip_is_finite_and_zero(build, shape, grid, time_dim):
    encoder = build().train()
    x = torch.full((2, *shape), float("inf"))
    x[1] = 1.0
    mask = torch.zeros(2, x.shape[time_dim], dtype=torch.bool)
    mask[1] = True
    out = encoder(x, mask)
    out.sum().backward()
    assert out[0].eq(0.0).all()
    assert out.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
@pytest.mark.parametrize("is_masked", [False, True])
def test_clips_do_not_mix(build, shape, grid, time_dim, is_masked):
    encoder, x = build(), torch.randn(4, *shape)
    mask = torch.rand(4, x.shape[time_dim]) > 0.3 if is_masked else None
    batch = encoder(x, mask)
    for clip in range(4):
        alone = encoder(x[clip : clip + 1], None if mask is None else mask[clip : clip + 1])
        torch.testing.assert_close(alone[0], batch[clip], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
def test_longer_and_larger_inputs_are_taken(build, shape, grid, time_dim):
    """All axes but frequency: other mel bins would be another representation."""
    times = (2, 2, 2) if len(grid) == 3 else (1, 2)
    doubled = torch.randn(1, shape[0], *(n * s for n, s in zip(times, shape[1:], strict=True)))
    assert build()(doubled).shape == (1, 12, *(n * s for n, s in zip(times, grid, strict=True)))


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (video_encoder, (1, 8, 3, 8, 8)),  # frames before channels
        (lambda: video_encoder(difference_gain=2.0), (1, 8, 3, 8, 8)),
        (video_encoder, (1, 8, 8, 8, 3)),
        (video_encoder, (2, 3, 8, 8)),  # pictures
        (video_encoder, (1, 1, 8, 8, 8)),  # one channel
        (audio_encoder, (1, 8, 16)),  # no channel
        (audio_encoder, (1, 1, 1, 8, 16)),
        (audio_encoder, (1, 2, 8, 16)),
    ],
)
def test_other_axes_are_refused(build, shape):
    with pytest.raises(ValueError, match=rf"Expected a .* got shape {re.escape(str(shape))}"):
        build()(torch.zeros(shape))


@pytest.mark.parametrize("build", [video_encoder, audio_encoder])
def test_unknown_stem_and_position_are_refused(build):
    with pytest.raises(ValueError, match=r"`stem` to be one of \['convolutional', .*'resnet'"):
        build(stem="resnet")
    with pytest.raises(ValueError, match=r"`position` to be one of .*got 'rotary'"):
        build(position="rotary")


def test_negative_depth_is_refused():
    with pytest.raises(ValueError, match="`depth` >= 0, got -1"):
        AudioTransformerEncoder(8, 16, (4, 2), embed_dims=12, depth=-1, num_heads=2)


@pytest.mark.parametrize(("build", "shape", "grid", "time_dim"), CASES)
def test_checkpointing_changes_no_gradient(build, shape, grid, time_dim):
    plain, saving = build(), build(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    assert all(block.with_cp for block in saving.blocks)
    x = torch.randn(2, *shape)
    for encoder in (plain, saving):
        encoder(x).square().sum().backward()
    torch.testing.assert_close(
        [parameter.grad for parameter in saving.parameters()],
        [parameter.grad for parameter in plain.parameters()],
    )


def test_width_must_be_positive():
    with pytest.raises(ValueError, match="the encoder's `embed_dims` > 0, got 0"):
        VideoTransformerEncoder(img_size=8, num_frames=8, patch_size=4, embed_dims=0)
