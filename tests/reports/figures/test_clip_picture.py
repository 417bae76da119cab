import dataclasses
import warnings

import numpy as np
import pytest

from macbdf_mm.reports.figures.clip_picture import ClipStory, draw_clip
from macbdf_mm.reports.figures.theme import to_png

STORY = ClipStory(
    title="a clip",
    duration_seconds=2.0,
    frames=np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3),
    waveform=np.sin(2 * np.pi * 2000 * np.arange(32_000) / 16_000).astype(np.float32),
    sample_rate=16_000,
    windows=np.array([[0.0, 1.28, 0.2, 0.3, 0.4]]),
    thresholds={"overall": 0.5, "video": 0.5, "audio": 0.5},
    intervals={"video": [(0.5, 1.0)], "audio": []},
)


def test_frames_lie_side_by_side_over_the_whole_clip():
    film = draw_clip(STORY).axes[0]
    assert [tuple(picture.get_extent()[:2]) for picture in film.images] == [
        (0.0, 0.5),
        (0.5, 1.0),
        (1.0, 1.5),
        (1.5, 2.0),
    ]
    np.testing.assert_array_equal(film.images[2].get_array(), STORY.frames[2])


def test_the_spectrogram_shows_a_tone_at_its_frequency():
    spectrogram = draw_clip(STORY).axes[1].images[0]
    loudest = spectrogram.get_array().mean(axis=1).argmax()
    low, high = spectrogram.get_extent()[2:]
    num_bins = spectrogram.get_array().shape[0]
    assert low + (high - low) * loudest / (num_bins - 1) == pytest.approx(2.0, abs=0.02)


def test_all_panels_share_the_clock():
    assert {axes.get_xlim() for axes in draw_clip(STORY).axes} == {(0.0, 2.0)}


@pytest.mark.parametrize(("field", "words"), [("frames", "no video"), ("waveform", "no audio")])
def test_a_missing_track_is_said(field, words):
    figure = draw_clip(dataclasses.replace(STORY, **{field: None}))
    assert words in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_digital_silence_can_be_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_png(draw_clip(dataclasses.replace(STORY, waveform=np.zeros(32_000, np.float32))), 50)
