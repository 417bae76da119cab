import torch

from macbdf_mm.models.layers.frame_difference import append_frame_difference


def loop_reference(video, mask, gain):
    batch, channels, frames = video.shape[:3]
    out = torch.zeros(batch, 2 * channels, *video.shape[2:], dtype=video.dtype)
    for b in range(batch):
        for t in range(frames):
            out[b, :channels, t] = video[b, :, t]
            if t > 0 and mask[b, t] and mask[b, t - 1]:
                out[b, channels:, t] = gain * (video[b, :, t] - video[b, :, t - 1])
    return out


def test_against_a_loop_over_frames():
    torch.manual_seed(0)
    video = torch.randn(3, 2, 5, 4, 3, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [0, 1, 1, 0, 0]], dtype=torch.bool)
    video = video.masked_fill(~mask[:, None, :, None, None], 0.0)
    expected = loop_reference(video, mask, 3.0)
    torch.testing.assert_close(append_frame_difference(video, mask, 3.0), expected)


def test_without_a_mask_all_frames_are_valid():
    video = torch.randn(2, 3, 4, 2, 2)
    everything = torch.ones(2, 4, dtype=torch.bool)
    torch.testing.assert_close(
        append_frame_difference(video, None, 2.0), append_frame_difference(video, everything, 2.0)
    )


def test_a_still_video_has_no_difference():
    still = torch.randn(1, 3, 1, 4, 4).expand(-1, -1, 6, -1, -1)
    assert append_frame_difference(still, None, 4.0)[:, 3:].abs().max() == 0
