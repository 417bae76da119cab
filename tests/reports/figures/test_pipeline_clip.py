import numpy as np
from matplotlib.colors import to_hex

from macbdf_mm.reports.figures.pipeline_clip import PipelineClip, draw_pipeline_clip
from macbdf_mm.reports.figures.theme import LIGHT


def make(**changes):
    rng = np.random.default_rng(0)
    fields = dict(
        name="a.mp4",
        span_seconds=(1.0, 2.28),
        frames=rng.integers(0, 255, (16, 32, 32, 3), dtype=np.uint8),
        video_valid=np.arange(16) < 12,
        waveform=rng.uniform(-0.5, 0.5, 20480).astype(np.float32),
        audio_valid=np.arange(20480) < 10240,
        labels={"overall": 1, "video": 1, "audio": 0},
        clip_labels={"overall": 1, "video": 1, "audio": 0},
        steps={"video": np.array([0, 1, 1, -1]), "audio": np.array([0, 0, -1, -1])},
    )
    return PipelineClip(**(fields | changes))


def test_all_panels_lie_over_the_span_of_the_clip():
    film, spectrogram, waveform, steps = draw_pipeline_clip(make()).axes
    assert {axes.get_xlim() for axes in (film, spectrogram, waveform, steps)} == {(1.0, 2.28)}
    np.testing.assert_allclose(spectrogram.images[0].get_extent()[:2], [1.0, 2.28])
    times, heard = waveform.lines[0].get_data()
    np.testing.assert_array_equal(np.isnan(heard), times >= 1.64)


def test_frames_are_evenly_chosen_and_masked_ones_crossed_out():
    clip = make()
    film = draw_pipeline_clip(clip).axes[0]
    assert len(film.images) == 8
    for place, image in enumerate(film.images):
        np.testing.assert_array_equal(image.get_array(), clip.frames[2 * place + 1])
    crossed = [line.get_xdata()[0] for line in film.lines]
    np.testing.assert_allclose(crossed, [1.96, 2.12])


def test_fake_real_and_unknown_steps_differ_in_words_and_not_only_in_colour():
    steps = draw_pipeline_clip(make()).axes[3]
    words = [text.get_text() for text in steps.texts]
    assert words == ["real", "real", "?", "?", "real", "fake", "fake", "?"]
    colours = [to_hex(cell.get_facecolor()[0]) for cell in steps.collections]
    assert [colour == LIGHT.fake for colour in colours] == [word == "fake" for word in words]


def test_many_steps_have_a_letter_each():
    labels = np.arange(32) % 2
    steps = draw_pipeline_clip(make(steps={"video": labels, "audio": labels})).axes[3]
    assert [text.get_text() for text in steps.texts[:2]] == ["R", "F"]


def test_a_missing_track_is_said():
    nothing = make(video_valid=np.zeros(16, bool), audio_valid=np.zeros(20480, bool))
    film, spectrogram, *_ = draw_pipeline_clip(nothing).axes
    assert [axes.texts[0].get_text() for axes in (film, spectrogram)] == ["no video", "no audio"]
