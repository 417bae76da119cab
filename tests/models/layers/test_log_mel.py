import numpy as np
import pytest
import torch
from scipy.signal import stft
from torchaudio.functional import melscale_fbanks

from macbdf_mm.models.layers.log_mel import LogMel, mirrored_at_gaps


def mel_filters(num_mels, n_fft, sample_rate):
    """Triangles of height 1 whose corners are equally spaced in HTK's mels, (bins, mels)."""
    highest = 2595 * np.log10(1 + sample_rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, num_mels + 2) / 2595) - 1)
    frequency = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    filters = np.zeros((len(frequency), num_mels))
    for mel in range(num_mels):
        low, centre, high = corners[mel : mel + 3]
        rising, falling = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
        filters[:, mel] = np.maximum(0, np.minimum(rising, falling))
    return filters


def log_mel_by_scipy(waveform, num_frames):
    """scipy's STFT in float64: mirrored edges, a frame every 160 samples, no scaling."""
    mirrored = np.pad(waveform, 256, mode="reflect")
    window = np.hanning(513)[:-1]
    _, _, spectrum = stft(
        mirrored, window=window, nperseg=512, noverlap=352, boundary=None, padded=False
    )
    power = np.abs(spectrum * window.sum()) ** 2
    mels = mel_filters(64, 512, 16000).T @ power[:, :num_frames]
    return np.log(mels + 1e-6)


@pytest.mark.holds("Eq. 1", "log-mel")
@pytest.mark.parametrize("num_samples", [20480, 20559, 16000])
def test_equals_scipy_and_an_independent_filter_bank(num_samples):
    rng = np.random.default_rng(0)
    time = np.arange(num_samples) / 16000
    waveform = 0.3 * np.sin(2 * np.pi * 440 * time) + 0.05 * rng.standard_normal(num_samples)
    result = LogMel()(torch.from_numpy(waveform).float()[None])[0]
    assert result.shape == (64, num_samples // 160)
    # float32 sums of 512 products, seen through a logarithm.
    np.testing.assert_allclose(
        result.numpy(), log_mel_by_scipy(waveform, num_samples // 160), atol=2e-3
    )


def test_filters_of_the_test_are_those_of_torchaudio():
    expected = melscale_fbanks(257, 0.0, 8000.0, 64, 16000)
    np.testing.assert_allclose(mel_filters(64, 512, 16000), expected.numpy(), atol=1e-4)
    assert (expected.sum(dim=0) > 0).all()


def test_silence_is_the_logarithm_of_eps():
    silence = LogMel(eps=1e-4)(torch.zeros(1, 1600))
    torch.testing.assert_close(silence, torch.full((1, 64, 10), np.log(1e-4)).float())


def test_clips_do_not_mix_and_the_result_is_float32():
    transform, waveform = LogMel(), torch.randn(3, 4800).double()
    batch = transform(waveform)
    assert batch.dtype == torch.float32
    torch.testing.assert_close(transform(waveform[1:2])[0], batch[1])


def test_autocast_has_no_say():
    transform, waveform = LogMel(), torch.randn(1, 1600)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(transform(waveform), transform.eval()(waveform.clone()))
        assert transform(waveform).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = transform(waveform)
    assert torch.equal(half, transform(waveform))


@pytest.mark.parametrize("shape", [(1, 256), (512,)])
def test_too_short_or_unbatched_waveforms_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(B, S\) with S > 256 samples, got shape"):
        LogMel()(torch.zeros(shape))


@pytest.mark.parametrize("name", ["sample_rate", "n_fft", "hop_length", "num_mels", "eps"])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=f"`{name}` > 0, got 0"):
        LogMel(**{name: 0})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_buffers_move_to_the_gpu():
    transform, waveform = LogMel(), torch.randn(2, 4800)
    expected = transform(waveform)
    result = transform.cuda()(waveform.cuda())
    assert all(buffer.is_cuda for buffer in transform.buffers())
    torch.testing.assert_close(result.cpu(), expected, rtol=1e-3, atol=1e-3)


def test_a_checkpoint_does_not_bring_the_filter_bank_of_another_config():
    log_mel = LogMel()
    assert log_mel.state_dict() == {}
    assert {name for name, _ in log_mel.named_buffers()} == {
        "mel.spectrogram.window",
        "mel.mel_scale.fb",
    }


def test_clips_of_a_batch_equal_those_computed_one_by_one():
    """Batches are computed in twos at this length; five leave one over."""
    waveforms = torch.randn(5, 40_960)
    log_mel = LogMel()
    alone = torch.cat([log_mel(clip[None]) for clip in waveforms])
    torch.testing.assert_close(log_mel(waveforms), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("is_late", [False, True])
def test_sound_that_ends_early_has_the_spectrogram_of_the_sound_alone(is_late):
    layer = LogMel(n_fft=256, hop_length=64, num_mels=16)
    waveform = torch.randn(2, 2048)
    waveform[1, 1024 if not is_late else 0 : 2048 if not is_late else 1024] = torch.nan
    mask = waveform.isfinite()
    alone = layer(waveform[1:].masked_select(mask[1:])[None])
    found = layer(waveform, mask)
    kept = slice(16, 32) if is_late else slice(0, 16)
    torch.testing.assert_close(found[1, :, kept], alone[0])
    torch.testing.assert_close(found[0], layer(waveform[:1])[0])
    assert found.isfinite().all()


def test_a_gap_is_filled_from_both_sides_as_far_as_there_is_sound():
    waveform = torch.arange(1.0, 13.0)[None]
    mask = torch.tensor([[True] * 3 + [False] * 6 + [True] * 3])
    # 3 is the last before the gap, 10 the first after it.
    expected = [1, 2, 3, 2, 1, 0, 0, 12, 11, 10, 11, 12]
    assert mirrored_at_gaps(waveform, mask, reach=5)[0].tolist() == expected
    expected = [1, 2, 3, 2, 0, 0, 0, 0, 11, 10, 11, 12]
    assert mirrored_at_gaps(waveform, mask, reach=1)[0].tolist() == expected
    assert mirrored_at_gaps(waveform, ~mask & mask, reach=5).eq(0).all()
