import pickle

import numpy as np
import pytest

from macbdf_mm.datasets.input_cache import write_input_cache
from macbdf_mm.datasets.transforms.read_cached_inputs import ReadCachedInputs
from macbdf_mm.errors import ConfigError, MissingDataError

NUM_DRAWS = 3


@pytest.fixture
def cache_dir(tmp_path):
    """Two clips with three spans each; the first sample of the sound is clip + draw / 10."""
    spans = [
        {
            "file": f"{index}.mp4",
            "imgs": [np.full((2, 2, 3), index, np.uint8)],
            "video_valid": np.ones(1, bool),
            "waveform": np.array([index + draw / 10], np.float32),
            "audio_valid": np.ones(1, bool),
            "span_seconds": (float(draw), draw + 1.0),
            "sample_rate": 1,
        }
        for draw in range(NUM_DRAWS)
        for index in range(2)
    ]
    write_input_cache(tmp_path / "cache", spans, 2, NUM_DRAWS)
    return tmp_path / "cache"


def read(transform, index):
    return transform({"file": f"{index}.mp4", "sample_idx": index, "label": 1})


def test_a_random_span_of_the_right_clip_is_added(cache_dir):
    transform = ReadCachedInputs(cache_dir)
    np.random.seed(0)
    found = [read(transform, 1) for _ in range(30)]
    assert {round(float(r["waveform"][0]), 1) for r in found} == {1.0, 1.1, 1.2}
    for results in found:
        draw = results["span_seconds"][0]
        assert results["waveform"][0] == pytest.approx(1 + draw / 10)
        assert results["label"] == 1


def test_the_draw_follows_from_numpy_s_seed(cache_dir):
    transform = ReadCachedInputs(cache_dir)
    drawn = []
    for _ in range(2):
        np.random.seed(5)
        drawn.append([read(transform, 0)["span_seconds"] for _ in range(10)])
    assert drawn[0] == drawn[1]


def test_it_travels_to_worker_processes_without_its_files(cache_dir):
    transform = ReadCachedInputs(cache_dir)
    before = len(pickle.dumps(transform))
    assert read(pickle.loads(pickle.dumps(transform)), 0)["file"] == "0.mp4"
    assert before < 500


@pytest.mark.parametrize(("index", "file"), [(0, "other.mp4"), (7, "7.mp4")])
def test_a_cache_of_another_data_set_is_refused(cache_dir, index, file):
    with pytest.raises(ConfigError, match=rf"another data set: item {index} is '{file}' here"):
        ReadCachedInputs(cache_dir)({"file": file, "sample_idx": index})


def test_a_missing_cache_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="No cached inputs"):
        read(ReadCachedInputs(tmp_path), 0)
