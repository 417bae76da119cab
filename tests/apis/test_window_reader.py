from pathlib import Path

import pytest

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.apis.window_reader import WindowReader
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.span_reader import read_next_span
from macbdf_mm.media.spans import following_spans


@pytest.fixture(scope="module")
def reader():
    return WindowReader(read_test_settings(load_config("macbdf_demo")), DecodingProcess(60.0))


def test_windows_are_those_of_the_test_or_of_a_stride(reader):
    span = reader.settings.span_seconds
    assert reader.plan(5.0, None) == reader.settings.plan_windows(5.0)
    starts = [start for start, _ in reader.plan(3 * span, span)]
    assert starts == pytest.approx([0.0, span, 2 * span])


def test_a_window_has_the_sizes_of_the_test_and_no_labels(reader, make_clip):
    path = make_clip(seconds=1.5)
    info = reader.probe(path, allow_partial=False)
    packed = reader.read(path, info, (0.0, reader.settings.span_seconds), allow_partial=False)
    assert packed["inputs"]["video"].shape == (3, 16, 64, 64)
    sample = packed["data_samples"]
    assert (sample.file, sample.media_info, sample.decode_error) == (str(path), info, None)
    assert {sample.clip_label, sample.clip_video_label, sample.clip_audio_label} == {-1}
    assert sample.gt_label == -1


def test_a_window_that_cannot_be_decoded_says_why(reader, make_clip, tmp_path):
    path = make_clip(seconds=1.5)
    info = reader.probe(path, allow_partial=False)
    path.write_bytes(b"another file by now")
    packed = reader.read(path, info, (0.0, reader.settings.span_seconds), allow_partial=False)
    assert str(path) in packed["data_samples"].decode_error
    assert not packed["inputs"]["video_mask"].any()


def test_what_cannot_be_looked_at(reader, make_clip, tmp_path):
    with pytest.raises(MissingDataError, match="holds no video or sound file"):
        reader.probe(tmp_path, allow_partial=False)
    with pytest.raises(MissingDataError):
        reader.probe(Path("none.mp4"), allow_partial=False)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UndecodableMediaError):
        reader.probe(tmp_path / "noise.mp4", allow_partial=True)


def test_windows_are_those_of_the_test_and_read_in_one_walk(make_clip):
    """Equal arrays; and where a file is read by itself, what follows still is as it was."""
    settings = read_test_settings(load_config("macbdf_demo"))
    asked = []

    class Recording(DecodingProcess):
        def call(self, function, *args, **kwargs):
            asked.append(function)
            return super().call(function, *args, **kwargs)

    reader = WindowReader(settings, Recording(60.0))
    path = make_clip(seconds=2.5)
    info = reader.probe(path, allow_partial=False)
    spans = reader.plan(info.duration_seconds, None)
    asked.clear()
    for number, span in enumerate(spans, start=1):
        packed = reader.read(path, info, span, False, later=following_spans(spans, number))
        alone = settings.pipeline(dict(reader._row(path, info, span, None), decoding_process=None))
        for name, value in alone["inputs"].items():
            assert (packed["inputs"][name] == value).all(), name
    assert asked == [read_next_span] * len(spans)
