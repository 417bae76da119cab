import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.datasets.input_cache import (
    CACHE_VERSION,
    has_input_cache,
    open_input_cache,
    write_input_cache,
)
from macbdf_mm.errors import ConfigError, MissingDataError, UnwritableFileError


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
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".cache.0123abcd.part").mkdir()  # Of one that was killed.
    (tmp_path / ".cache.0123abcd.part" / "frames.npy").touch()
    write_input_cache(tmp_path / "cache", draws(2), 2)
    assert has_input_cache(tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_link_is_replaced_and_neither_followed_nor_emptied(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/kept").touch()
    for name in ("cache", "cache.partial"):
        (tmp_path / name).symlink_to(tmp_path / "other")
    write_input_cache(tmp_path / "cache", draws(1), 1)
    assert has_input_cache(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["kept"]
    assert not (tmp_path / "cache").is_symlink()


def test_a_file_of_the_name_stays(tmp_path):
    (tmp_path / "cache").write_text("kept")
    with pytest.raises(UnwritableFileError, match=r"cache cannot be written .not a directory"):
        write_input_cache(tmp_path / "cache", draws(1), 1)
    assert (tmp_path / "cache").read_text() == "kept"


def test_a_full_disk_is_said_before_a_mapped_file_kills_the_process(tmp_path):
    code = (
        "from test_input_cache import decoded, write_input_cache\n"
        "clips = (decoded(0, size=600) for _ in range(2))\n"
        "write_input_cache('disk/cache', clips, 2)\n"
    )
    (tmp_path / "disk").mkdir()
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": path, "CODE": code}

    def on_a_small_disk(command):
        script = f"mount -t tmpfs -o size=4m tmpfs disk && {command}"
        return subprocess.run(
            ["unshare", "-rm", "sh", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )

    if shutil.which("unshare") is None or on_a_small_disk("true").returncode != 0:
        pytest.skip("needs the right to mount a file system in a namespace of its own")
    done = on_a_small_disk(f'{sys.executable} -W ignore -c "$CODE"; ls -A disk')
    assert "UnwritableFileError: disk/cache cannot be written (no space left" in done.stderr
    assert done.stdout == ""


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
