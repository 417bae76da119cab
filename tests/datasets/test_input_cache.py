import json

import numpy as np
import pytest

from macbdf_mm.datasets.input_cache import (
    CACHE_VERSION,
    has_input_cache,
    open_input_cache,
    write_input_cache,
)
from macbdf_mm.errors import ConfigError, MissingDataError


def decoded(index, draw=0, size=6, sample_rate=100):
    """What decoding adds to an item, made of its number."""
    rng = np.random.default_rng([index, draw])
    return {
        "file": f"{index}.mp4",
        "imgs": list(rng.integers(0, 256, (4, size, size, 3), dtype=np.uint8)),
        "video_valid": rng.random(4) < 0.5,
        "waveform": rng.normal(size=50).astype(np.float32),
        "audio_valid": rng.random(50) < 0.5,
        "span_seconds": (0.1 * index, 0.1 * index + 0.5 + draw),
        "sample_rate": sample_rate,
    }


def draws(num_items, num_draws=1):
    return (decoded(index, draw) for draw in range(num_draws) for index in range(num_items))


def test_every_span_comes_back_bit_for_bit(tmp_path):
    write_input_cache(tmp_path / "cache", draws(3, 2), 3, 2)
    cache = open_input_cache(tmp_path / "cache")
    assert cache.files == ("0.mp4", "1.mp4", "2.mp4")
    for index in range(3):
        for draw in range(2):
            expected, found = decoded(index, draw), cache.read(index, draw)
            assert found["span_seconds"] == expected["span_seconds"]
            assert found["sample_rate"] == 100
            for name in ("imgs", "video_valid", "waveform", "audio_valid"):
                np.testing.assert_array_equal(found[name], expected[name])
                assert np.asarray(found[name]).dtype == np.asarray(expected[name]).dtype
            assert found["img_shape"] == (6, 6)
            assert found["clip_len"] == 4


def test_what_is_read_may_be_changed_without_changing_the_files(tmp_path):
    write_input_cache(tmp_path / "cache", draws(1), 1)
    cache = open_input_cache(tmp_path / "cache")
    found = cache.read(0)
    found["imgs"][0][:] = 0
    found["waveform"][:] = 0
    np.testing.assert_array_equal(cache.read(0)["imgs"], decoded(0)["imgs"])
    with pytest.raises(ValueError, match="read-only"):
        cache.arrays["frames"][0] = 0


def test_a_writer_that_dies_leaves_no_cache_and_the_next_one_makes_it(tmp_path):
    def dying():
        yield decoded(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_input_cache(tmp_path / "cache", dying(), 2)
    assert not has_input_cache(tmp_path / "cache")
    assert (tmp_path / "cache.partial").is_dir()
    write_input_cache(tmp_path / "cache", draws(2), 2)
    assert has_input_cache(tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_progress_counts_spans(tmp_path):
    seen = []
    write_input_cache(tmp_path / "cache", draws(2, 2), 2, 2, lambda *pair: seen.append(pair))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_clips_of_two_sizes_are_named(tmp_path):
    clips = [decoded(0), decoded(1, size=8)]
    with pytest.raises(ConfigError, match=r"1\.mp4: its frames has the shape \(4, 8, 8, 3\)"):
        write_input_cache(tmp_path / "cache", clips, 2)


def test_too_few_spans_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"expected 4 spans of one sample rate, got 3"):
        write_input_cache(tmp_path / "cache", draws(3), 2, 2)


def test_two_sample_rates_are_named(tmp_path):
    clips = [decoded(0), decoded(1, sample_rate=200)]
    with pytest.raises(ConfigError, match=r"got 2 at \{200, 100\} Hz|got 2 at \{100, 200\} Hz"):
        write_input_cache(tmp_path / "cache", clips, 2)


def test_a_folder_without_a_cache_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"No cached inputs in .*nowhere"):
        open_input_cache(tmp_path / "nowhere")


def test_another_version_is_refused(tmp_path):
    write_input_cache(tmp_path / "cache", draws(1), 1)
    note = tmp_path / "cache" / "cache.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "version": 0}))
    with pytest.raises(ConfigError, match=f"inputs of version 0, and this is .*{CACHE_VERSION}"):
        open_input_cache(tmp_path / "cache")
