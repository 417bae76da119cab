import numpy as np
import pytest
import torch

from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.models.layers.log_mel import LogMel
from macbdf_mm.reports.figures import mel_picture
from macbdf_mm.reports.figures.mel_picture import mel_power, read_mel_columns


def test_it_is_the_mel_spectrogram_of_the_detector_s_front_end():
    """torchaudio's, which the front end computes with."""
    waveform = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    expected = LogMel()(torch.from_numpy(waveform)[None])[0].numpy()
    np.testing.assert_allclose(np.log(mel_power(waveform) + 1e-6), expected, atol=1e-3)


def test_chunks_leave_no_seams(make_clip, monkeypatch):
    path = make_clip("clip.wav", seconds=4.0, with_video=False, audio_codec="pcm_s16le")
    with MediaFile(path) as file:
        whole = read_mel_columns(file, 4.0, 40)
        monkeypatch.setattr(mel_picture, "_CHUNK_SECONDS", 0.5)
        np.testing.assert_allclose(read_mel_columns(file, 4.0, 40), whole, atol=1e-3)
    # The tone rises; a column is a tenth of a second of it.
    assert (np.diff(whole.argmax(axis=0)) >= 0).all()
    assert whole.shape == (64, 40)


def test_a_short_file_has_a_column_each_10_ms_and_none_where_there_is_no_sound(make_clip):
    path = make_clip(seconds=2.0, sound_start_seconds=1.0)
    with MediaFile(path) as file:
        columns = read_mel_columns(file, 2.0, 700)
    assert columns.shape == (64, 200)
    silent = np.isnan(columns[0])
    # AAC begins a little early.
    assert silent[:90].all()
    assert not silent[105:195].any()


@pytest.mark.parametrize("duration", [0.004, 0.05])
def test_a_file_of_a_few_samples(make_clip, duration):
    path = make_clip("clip.wav", seconds=0.1, with_video=False, audio_codec="pcm_s16le")
    with MediaFile(path) as file:
        assert read_mel_columns(file, duration, 700).shape[1] == max(1, round(100 * duration))
