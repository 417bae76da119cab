import io
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.apis.media_source import MediaSource, Recording, media_sources
from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span

FRAMES = np.random.default_rng(0).integers(0, 256, (50, 34, 51, 3), np.uint8)
SOUND = np.random.default_rng(1).uniform(-1, 1, 32_000).astype(np.float32)


def test_bytes_and_open_files_are_there_while_they_are_read(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"12345")
    with (tmp_path / "a.mp4").open("rb") as file:
        file.read(2)
        sources = list(media_sources([b"123", file, io.BytesIO(b"1"), bytearray(b"12")]))
        assert [source.name for source in sources] == [
            *("<bytes 1>", str(tmp_path / "a.mp4"), "<file 3>", "<bytes 4>")
        ]
        contents = []
        for source in sources:
            with source.file() as path:
                contents.append(path.read_bytes())
                assert path.parent.stat().st_mode & 0o77 == 0
                assert source.renamed(f"{path} is bad", path) == f"{source.name} is bad"
            assert not path.parent.exists()
    assert contents == [b"123", b"345", b"1", b"12"]


def test_paths_stand_for_files(tmp_path):
    for name in ("b.mp4", "a.mp4", "deep/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for item in (tmp_path, f"{tmp_path}/**/*.mp4"):
        names = [Path(source.name).name for source in media_sources(item)]
        assert names == ["a.mp4", "b.mp4", "c.mp4"]
    [source] = media_sources(tmp_path / "a.mp4")
    with source.file() as path:
        assert path == tmp_path / "a.mp4"
    assert path.exists()


def test_no_more_inputs_are_taken_than_are_asked_for():
    def endless():
        while True:
            yield b"1"

    assert next(iter(media_sources(endless()))).name == "<bytes 1>"


@pytest.mark.parametrize("fps", [25, 30_000 / 1001, 12.5])
def test_frames_and_sound_are_written_without_loss(tmp_path, fps):
    Recording(FRAMES, fps, SOUND, 16_000).write(tmp_path / "a")
    info = probe(tmp_path / "a")
    assert info.duration_seconds == pytest.approx(max(50 / fps, 2.0), abs=1e-3)
    assert info.missing_seconds == 0
    assert not info.remarks
    # 16 frames that last as long as all of them: each is the one shown then.
    span = read_span(tmp_path / "a", (0.0, 16 / fps), 16, 16_000)
    np.testing.assert_array_equal(span.frames, FRAMES[:16])
    np.testing.assert_allclose(span.waveform, SOUND[: len(span.waveform)], atol=1e-6)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        ((SOUND * 32767).astype(np.int16), SOUND),
        (np.stack([SOUND, -SOUND], 1).astype(np.float64), np.zeros_like(SOUND)),
        (SOUND[:, None] * 4, (SOUND * 4).clip(-1, 1)),
    ],
)
def test_sound_of_other_kinds(tmp_path, sound, expected):
    Recording(sound=sound, sample_rate=16_000).write(tmp_path / "a")
    found = read_span(tmp_path / "a", (0.0, 1.0), 4, 16_000).waveform
    np.testing.assert_allclose(found, expected[:16_000], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Expected `frames` or `sound`"),
        ({"frames": FRAMES}, "Expected `fps` > 0 with `frames`, got None"),
        ({"frames": FRAMES, "fps": 0}, "Expected `fps` > 0 with `frames`, got 0"),
        ({"frames": FRAMES / 255, "fps": 25}, r"type uint8, got shape .* and type float64"),
        ({"frames": FRAMES[..., 0], "fps": 25}, r"got shape \(50, 34, 51\)"),
        ({"frames": FRAMES[:0], "fps": 25}, r"got shape \(0, 34, 51, 3\)"),
        ({"sound": SOUND}, "Expected `sample_rate` > 0 with `sound`, got None"),
        ({"sound": SOUND.astype(np.int32), "sample_rate": 1}, r"or int16, got .* type int32"),
        ({"sound": SOUND.reshape(2, -1), "sample_rate": 1}, r"got \(2, 16000\); mix it down"),
    ],
)
def test_arrays_that_are_none_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Recording(**arguments)


@pytest.mark.parametrize("item", [3, io.StringIO("a"), FRAMES])
def test_what_is_no_input_is_refused(item):
    with pytest.raises(TypeError, match=r"got \w+; wrap arrays as Recording"):
        list(media_sources([item]))


def test_a_source_passes_as_it_is():
    source = MediaSource("a", b"1")
    assert list(media_sources([source])) == list(media_sources(source)) == [source]
