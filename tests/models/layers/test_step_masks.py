import pytest
import torch

from macbdf_mm.models.layers.step_masks import (
    StepMasks,
    along_time,
    blank_invalid,
    masked_mean,
    silence_invalid,
    step_mask,
)


def test_a_step_is_valid_if_any_of_its_frames_is():
    frames = torch.tensor([[1, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]], dtype=torch.bool)
    expected = torch.tensor([[True, False, True], [False, False, False]])
    assert torch.equal(step_mask(frames, 3), expected)


@pytest.mark.parametrize("num_steps", [0, 4])
def test_frames_that_do_not_divide_are_refused(num_steps):
    with pytest.raises(ValueError, match=f"multiple of {num_steps} steps, got 6 frames"):
        step_mask(torch.ones(1, 6, dtype=torch.bool), num_steps)


def test_seen_is_per_track():
    masks = StepMasks(
        torch.tensor([[True, False], [False, False]]), torch.tensor([[False], [True]])
    )
    assert masks.seen.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(("num_dims", "time_dim"), [(2, 1), (4, 3), (5, 2)])
def test_mask_is_laid_along_the_time_axis(num_dims, time_dim):
    mask = torch.rand(2, 3) > 0.5
    view = along_time(mask, num_dims, time_dim)
    assert view.dim() == num_dims
    assert view.shape[time_dim] == 3
    assert torch.equal(view.flatten(), mask.flatten())


@pytest.mark.parametrize("filling", [float("nan"), float("inf"), 7.0])
def test_blanking_removes_whatever_stood_there(filling):
    x = torch.full((1, 2, 3, 4, 4), filling)
    x[:, :, 1] = 5.0
    blanked = blank_invalid(x, torch.tensor([[False, True, False]]), time_dim=2)
    assert blanked[:, :, 1].eq(5.0).all()
    assert blanked[:, :, [0, 2]].eq(0.0).all()


@pytest.mark.parametrize("blank", [blank_invalid, silence_invalid])
def test_blanking_without_a_mask_is_the_identity(blank):
    x = torch.randn(1, 2, 3)
    assert blank(x, None, time_dim=2) is x


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_silencing_is_blanking_of_what_is_finite(dtype):
    x, mask = torch.randn(2, 3, 4, 5, dtype=dtype), torch.rand(2, 5) > 0.5
    silent = silence_invalid(x, mask, time_dim=3)
    assert torch.equal(silent, blank_invalid(x, mask, time_dim=3))
    assert silent.dtype == dtype


def test_who_needs_no_mask_gets_none():
    video, audio = torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool)
    assert StepMasks(video, audio).where_needed == (video, audio)
    assert StepMasks(video, audio, is_video_full=True).where_needed == (None, audio)
    assert StepMasks(audio, video, is_audio_full=True).where_needed == (audio, None)


@pytest.mark.parametrize(
    ("shape", "time_dim"), [((2, 3, 4, 2, 2), 2), ((2, 3, 5, 4), 3), ((2, 3, 4), 2)]
)
def test_masked_mean_is_the_mean_of_the_valid_part(shape, time_dim):
    x = torch.randn(shape)
    mask = torch.tensor([[True, True, False, True], [False, True, False, False]])
    pooled = masked_mean(x, mask, time_dim)
    for clip in range(2):
        valid = x[clip].movedim(time_dim - 1, 1)[:, mask[clip]]
        torch.testing.assert_close(pooled[clip], valid.flatten(1).mean(dim=1))


def test_masked_mean_of_nothing_is_zero_and_ignores_nan():
    x = torch.full((1, 3, 4), float("nan"))
    assert masked_mean(x, torch.zeros(1, 4, dtype=torch.bool), 2).eq(0.0).all()


def test_masked_mean_is_float32_for_half_precision():
    assert (
        masked_mean(torch.ones(1, 2, 4).bfloat16(), torch.ones(1, 4).bool(), 2).dtype
        == torch.float32
    )


@pytest.mark.parametrize("shape", [(2, 1), (1, 4), (2, 8)])
def test_masks_that_would_spread_or_do_not_fit_are_refused(shape):
    x, mask = torch.randn(2, 3, 4), torch.ones(shape, dtype=torch.bool)
    message = rf"shape \(2, 4\) for a tensor of shape \(2, 3, 4\), got \({shape[0]}, {shape[1]}\)"
    with pytest.raises(ValueError, match=message):
        masked_mean(x, mask, time_dim=2)
    with pytest.raises(ValueError, match=message):
        blank_invalid(x, mask, time_dim=2)
