from pathlib import Path

import numpy as np

from benchmarks.filmed_clip import FPS, write_filmed_clip, write_repeated_clip
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span


def test_clip_has_both_tracks_and_the_same_seed_repeats(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.mp4" for index in range(3)]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        write_filmed_clip(path, 0.4, (32, 48), seed)
    info = probe(paths[0])
    assert info.has_video
    assert info.has_audio
    assert (info.width, info.height, info.fps) == (48, 32, FPS)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_pictures_move_and_no_two_have_the_same_noise(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_filmed_clip(path, 0.4, (96, 128), 0)
    span = read_span(path, (0.0, 0.4), 10, 16_000)
    assert span.frame_valid.all()
    assert span.audio_valid.all()
    differences = np.abs(np.diff(span.frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert differences.min() > 0.5


def test_key_frames_are_where_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_filmed_clip(path, 0.4, (32, 48), 0, gop=4)
    with MediaFile(path) as file:
        keys = [packet.is_keyframe for packet in file.container.demux(video=0) if packet.size]
    assert [index for index, is_key in enumerate(keys) if is_key] == [0, 4, 8]


def test_a_repeated_clip_goes_on_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_repeated_clip(path, 4.0, (32, 48), 0, rotation=90)
    info = probe(path)
    assert (info.width, info.height) == (32, 48)
    assert abs(info.duration_seconds - 4.0) < 0.1
    first, second = (read_span(path, (start, start + 0.8), 20, 16_000) for start in (0.0, 2.0))
    assert first.frame_valid.all()
    assert second.audio_valid.all()
    assert np.array_equal(first.frames, second.frames)
