import pytest
import torch

from macbdf_mm.models.layers.drop_path import DropPath


def test_whole_clips_are_dropped_and_the_mean_is_kept():
    torch.manual_seed(0)
    dropped = DropPath(0.25).train()(torch.ones(4000, 2, 3))
    per_clip = dropped.flatten(1)
    assert per_clip.eq(per_clip[:, :1]).all()
    torch.testing.assert_close(per_clip.unique(), torch.tensor([0.0, 4 / 3]))
    # The standard deviation of the mean is sqrt(0.25 / 0.75 / 4000) = 0.009.
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)


def test_nothing_happens_in_eval_or_at_rate_zero():
    x = torch.randn(2, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0).train()(x) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ValueError, match=rf"drop_path_rate` in \[0, 1\), got {rate}"):
        DropPath(rate)


def test_rate_is_printed():
    assert "rate=0.5" in repr(DropPath(0.5))
