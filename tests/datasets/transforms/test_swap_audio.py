import numpy as np
import pytest

from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.datasets.transforms import SwapAudio
from macbdf_mm.errors import ConfigError

PIPELINE = [
    dict(type="SampleClipSpan", span_seconds=0.5, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames=2),
]


@pytest.fixture
def make_set(make_clip, tmp_path):
    """Return the data sets of clips of given (label, audio label, person), as is and swapped."""

    def make(*clips):
        rows = []
        for k, (label, audio_label, person) in enumerate(clips):
            path = make_clip(f"{k}.mp4", seconds=0.5 + 0.1 * k)
            rows.append(
                ClipRow(path.name, label, -1, audio_label, identity=person, duration_seconds=0.5)
            )
        save_annotation(tmp_path / "a.json", {"dataset": "d"}, rows)
        options = dict(ann_file="a.json", data_root=str(tmp_path), test_mode=True, seed=3)
        return [
            AudioVisualForgeryDataset(pipeline=[*PIPELINE, *swap], **options)
            for swap in ((), [dict(type="SwapAudio")])
        ]

    return make


@pytest.fixture
def distinct_sounds(monkeypatch):
    """Every file has a constant sound, its number, instead of what is in it."""
    from macbdf_mm.datasets.transforms.decode_audio_visual import DecodeAudioVisual

    real_call = DecodeAudioVisual.__call__

    def call(self, results):
        results = real_call(self, results)
        number = int(results["file"].partition(".")[0])
        results["waveform"] = np.full_like(results["waveform"], number)
        return results

    monkeypatch.setattr(DecodeAudioVisual, "__call__", call)


def test_the_sound_is_that_of_a_stranger_with_the_same_labels(make_set, distinct_sounds):
    _, swapped = make_set((0, 0, "A"), (0, 0, "A"), (0, 0, "B"), (1, 1, "A"), (1, 0, "C"))
    lenders = [int(swapped[k]["waveform"][0]) for k in range(5)]
    assert lenders[:2] == [2, 2]
    assert lenders[2] in (0, 1)
    # The only ones of their labels keep their own.
    assert lenders[3:] == [3, 4]
    assert [int(swapped[k]["waveform"][0]) for k in range(5)] == lenders
    assert swapped[0]["imgs"][0].any()


def test_without_persons_any_other_clip_lends(make_set, distinct_sounds):
    _, swapped = make_set((0, 0, None), (0, 0, None))
    assert [int(swapped[k]["waveform"][0]) for k in range(2)] == [1, 0]


def test_a_clip_without_sound_stays_silent(make_set):
    own, swapped = make_set((0, 0, "A"), (0, 0, "B"))
    silent = {"audio_valid": np.zeros(3, bool)}
    assert SwapAudio()(dict(silent)).keys() == silent.keys()
    assert np.array_equal(own[0]["imgs"][0], swapped[0]["imgs"][0])


def test_there_must_be_a_data_set():
    with pytest.raises(ConfigError, match="SwapAudio needs the data set of the clip"):
        SwapAudio()({"audio_valid": np.ones(1, bool)})
