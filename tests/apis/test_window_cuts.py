import numpy as np
import pytest
import torch

from macbdf_mm.apis.window_cuts import cuts_in_window, joined_cuts, windows_with_cuts


def _window(cut, hidden=()):
    """16 frames of which those from ``cut`` on show another view."""
    rng = np.random.default_rng(0)
    views = rng.integers(0, 255, (2, 8, 8)).repeat(8, axis=1).repeat(8, axis=2)
    frames = np.stack([views[int(index >= cut)] for index in range(16)])
    frames = (frames + rng.normal(0, 2, frames.shape)).clip(0, 255).astype(np.uint8)
    mask = torch.ones(16, dtype=torch.bool)
    mask[list(hidden)] = False
    video = torch.from_numpy(frames)[None].expand(3, -1, -1, -1)
    return {"video": video * mask[None, :, None, None], "video_mask": mask}


def test_a_cut_lies_at_the_edge_of_two_steps():
    assert cuts_in_window(_window(5), (2.0, 3.28)) == [pytest.approx(2.4)]
    assert cuts_in_window(_window(16), (2.0, 3.28)) == []


def test_at_the_ends_another_window_has_to_tell():
    found = [cut for cut in range(1, 16) if cuts_in_window(_window(cut), (0.0, 1.28))]
    assert found == list(range(3, 14))


def test_where_pictures_are_masked_no_cut_is_seen():
    assert cuts_in_window(_window(16, hidden=range(8)), (0.0, 1.28)) == []


def test_each_cut_is_given_once():
    assert joined_cuts([[0.4, 1.04], [1.04], [1.12, 3.0], []]) == [0.4, 1.04, 3.0]


def test_windows_contain_what_lies_within_them():
    spans = [(0.0, 1.28), (0.64, 1.92), (1.28, 2.56)]
    assert windows_with_cuts(spans, [0.64, 1.5]) == [0, 1, 2]
    assert windows_with_cuts(spans, [1.28]) == [1]
    assert windows_with_cuts(spans, []) == []
