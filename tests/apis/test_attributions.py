import pytest
import torch
from torch import nn

from macbdf_mm.apis.attributions import gradients, has_captum, integrated_gradients

needs_captum = pytest.mark.skipif(not has_captum(), reason="captum (extra `explain`) is missing")


class Tiny(nn.Module):
    """A smooth score of two inputs that cross, in float64."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.first, self.second, self.both = (
            torch.randn(size, generator=generator, dtype=torch.float64)
            for size in ((4, 5), (3, 5), (5,))
        )

    def forward(self, video, sound):
        hidden = torch.tanh(video @ self.first + (sound @ self.second).sigmoid())
        return (hidden * self.both).sum(dim=1)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.randn(1, n, generator=generator, dtype=torch.float64) for n in (4, 3))


def test_gradients_are_finite_differences(inputs):
    score, step = Tiny(), 1e-6
    for which, found in enumerate(gradients(score, inputs)):
        for place in range(found.shape[1]):
            high, low = ([t.clone() for t in inputs] for _ in range(2))
            high[which][0, place] += step
            low[which][0, place] -= step
            expected = (score(*high) - score(*low)).item() / (2 * step)
            assert found[0, place].item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_an_input_without_influence_has_none(inputs):
    found = gradients(lambda video, sound: video.sum(dim=1), inputs)
    assert found[0].eq(1).all()
    assert found[1].eq(0).all()


@needs_captum
def test_integrated_gradients_add_up_to_the_difference_of_scores(inputs):
    score = Tiny()
    total = sum(part.sum() for part in integrated_gradients(score, inputs))
    expected = score(*inputs) - score(*(torch.zeros_like(t) for t in inputs))
    torch.testing.assert_close(total, expected[0], rtol=1e-6, atol=1e-9)


@needs_captum
def test_integrated_gradients_are_the_mean_gradient_on_the_path_times_the_input(inputs):
    """A Riemann sum of many points, one at a time."""
    score, count = Tiny(), 2000
    sums = [torch.zeros_like(t) for t in inputs]
    for k in range(count):
        for mean, part in zip(
            sums, gradients(score, tuple((k + 0.5) / count * t for t in inputs)), strict=True
        ):
            mean += part / count
    for found, mean, value in zip(integrated_gradients(score, inputs), sums, inputs, strict=True):
        torch.testing.assert_close(found, mean * value, rtol=1e-5, atol=1e-8)
