"""Pooling and resampling of steps.

Mutations tried, each of which fails a test here: negated mean over space; maximum over frequency;
no antialiasing; kernel not renormalised; any valid step makes a resampled step valid; invalid
steps not blanked.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macbdf_mm.models.fusion.temporal_steps import (
    PooledSteps,
    blank_steps,
    pool_steps,
    resample_steps,
)
from macbdf_mm.models.layers.step_masks import StepMasks


def triangle_reference(steps, mask, num_steps):
    """Interpolate one clip (N, C) by the definition, in plain loops and float64."""
    length, channels = steps.shape
    ratio = length / num_steps
    width = max(1.0, ratio)
    values, valid = np.zeros((num_steps, channels)), np.zeros(num_steps, dtype=bool)
    for m in range(num_steps):
        place = (m + 0.5) * ratio - 0.5
        kernel = np.array([max(0.0, 1 - abs(n - place) / width) for n in range(length)])
        kernel /= kernel.sum()
        share = kernel[mask].sum()
        if share >= 0.4995:
            values[m] = kernel[mask] @ steps[mask] / share
            valid[m] = True
    return values, valid


def test_pooling_averages_all_but_time():
    video, audio = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 7, 9)
    steps = pool_steps(video, audio)
    assert steps.video.shape == (2, 4, 3)
    assert steps.audio.shape == (2, 9, 3)
    for t in range(4):
        torch.testing.assert_close(steps.video[:, t], video[:, :, t].flatten(2).mean(2))
    for t in range(9):
        torch.testing.assert_close(steps.audio[:, t], audio[..., t].mean(2))


@pytest.mark.holds("3.2.4, common space")
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**16), st.booleans())
def test_resampling_against_loops(length, num_steps, seed, all_valid):
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(3, length, 2))
    mask = np.ones((3, length), dtype=bool) if all_valid else rng.random((3, length)) < 0.7
    values, valid = resample_steps(torch.from_numpy(steps), torch.from_numpy(mask), num_steps)
    for clip in range(3):
        expected, expected_valid = triangle_reference(steps[clip], mask[clip], num_steps)
        assert np.array_equal(valid[clip].numpy(), expected_valid)
        np.testing.assert_allclose(values[clip].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("length", "num_steps"), [(4, 4), (4, 7), (3, 16), (1, 5)])
def test_more_steps_are_numpys_linear_interpolation(length, num_steps):
    series = torch.randn(1, length, 1, dtype=torch.float64)
    mask = torch.ones(1, length, dtype=torch.bool)
    resampled, is_valid = resample_steps(series, mask, num_steps)
    centres_in = (np.arange(length) + 0.5) / length
    centres_out = (np.arange(num_steps) + 0.5) / num_steps
    expected = np.interp(centres_out, centres_in, series[0, :, 0].numpy())
    np.testing.assert_allclose(resampled[0, :, 0].numpy(), expected, atol=1e-12)
    assert is_valid.all()


def test_fewer_steps_read_every_step():
    steps = torch.randn(1, 32, 1, requires_grad=True)
    resampled, _ = resample_steps(steps, torch.ones(1, 32, dtype=torch.bool), 4)
    resampled.sum().backward()
    assert (steps.grad > 0).all()


def test_equal_numbers_change_nothing():
    steps = torch.randn(2, 8, 3)
    resampled, _ = resample_steps(steps, torch.ones(2, 8, dtype=torch.bool), 8)
    assert torch.equal(resampled, steps)


@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan"), float("inf")])
def test_what_stands_at_invalid_steps_is_never_read(fill):
    mask = torch.tensor([[True] * 5 + [False] * 3])
    steps = torch.randn(1, 8, 3)
    expected, _ = resample_steps(steps, mask, 6)
    resampled, _ = resample_steps(steps.masked_fill(~mask[..., None], fill), mask, 6)
    assert torch.equal(resampled, expected)


@pytest.mark.parametrize("fill", [float("nan"), float("-inf")])
def test_blanking_overwrites(fill):
    masks = StepMasks(torch.tensor([[True, False]]), torch.tensor([[False, False, True]]))
    steps = PooledSteps(torch.ones(1, 2, 1), torch.ones(1, 3, 1))
    steps.video[0, 1] = fill
    steps.audio[0, :2] = fill
    video, audio = blank_steps(steps, masks)
    assert video.flatten().tolist() == [1, 0]
    assert audio.flatten().tolist() == [0, 0, 1]


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"got \(2, 3, 4, 5, 6\) and \(2, 4, 7, 9\)"):
        pool_steps(torch.zeros(2, 3, 4, 5, 6), torch.zeros(2, 4, 7, 9))
    with pytest.raises(ValueError, match=r"video map \(B, C, T, H, W\)"):
        pool_steps(torch.zeros(2, 3, 7, 9), torch.zeros(2, 3, 7, 9))
    steps = PooledSteps(torch.zeros(2, 4, 3), torch.zeros(2, 9, 3))
    masks = StepMasks(torch.ones(2, 1, dtype=torch.bool), torch.ones(2, 9, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"masks of shapes \(2, 4\) \(video\).*got \(2, 1\)"):
        blank_steps(steps, masks)
