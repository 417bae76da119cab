import numpy as np
import pytest

from macbdf_mm.datasets.transforms import DecodeAudioVisual, MaskUnusable, PackForgeryInputs


@pytest.fixture
def window(make_clip):
    """Return a function that reads the first window of a clip, with its silence or without."""

    def read(**options):
        row = dict(
            path=str(make_clip(seconds=1.28, **options)),
            span_seconds=(0.0, 1.28),
            label=1,
            video_label=0,
            audio_label=1,
            video_fake_intervals=(),
            audio_fake_intervals=(),
        )
        return MaskUnusable()(DecodeAudioVisual(16)(row))

    return read


def test_a_track_to_be_judged_is_left_alone(window):
    results = window()
    assert "unusable" not in results
    assert results["video_valid"].all()
    assert results["audio_valid"].all()


def test_a_silent_track_is_masked_and_named(window):
    results = window(silent=True)
    assert results["unusable"] == {"audio": "silent"}
    assert results["video_valid"].all()
    assert not results["audio_valid"].any()
    packed = PackForgeryInputs(num_steps=8)(results)
    assert packed["data_samples"].unusable == {"audio": "silent"}
    assert not packed["inputs"]["audio_mask"].any()
    # Nothing is measured of what is not judged.
    assert packed["data_samples"].gt_audio_label == -1
    assert packed["data_samples"].clip_audio_label == 1


def test_the_picture_too(window):
    results = window()
    results["imgs"] = [np.zeros_like(image) for image in results["imgs"]]
    results = MaskUnusable()(results)
    assert results["unusable"] == {"video": "blank"}
    assert not results["video_valid"].any()
