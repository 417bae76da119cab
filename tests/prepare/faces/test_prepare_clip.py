import wave

import av

from macbdf_mm.datasets import ClipRow
from macbdf_mm.media.probe import probe
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.prepare_clip import prepare_clip

ROW = ClipRow("a.mp4", 0)


def test_a_crop_is_named_by_its_key(make_face_clip, blue_screen, blue_screen_detector, tmp_path):
    settings = blue_screen(CropSettings("jpeg", size=32))
    path = make_face_clip(seconds=1.0)
    result = prepare_clip(ROW, path, "abcd", tmp_path, settings, blue_screen_detector())
    assert (result.status, result.covered_share) == ("found", 1.0)
    assert result.crop_file == "crops/ab/abcd.mov"
    assert result.crop_seconds == (0.0, 1.0)
    assert probe(tmp_path / result.crop_file).width == 32


def test_tracks_of_a_failure_are_kept(make_face_clip, blue_screen, blue_screen_detector, tmp_path):
    path = make_face_clip(places=[lambda t: (20, 30) if t < 0.3 else None])
    result = prepare_clip(ROW, path, "k", tmp_path, blue_screen(), blue_screen_detector())
    assert result.status == "failed"
    assert "no face is seen for 0.6 s" in result.reason
    assert [face["chosen"] for face in result.faces] == [False]


def test_a_missing_file_is_a_reason(blue_screen, blue_screen_detector, tmp_path):
    path = tmp_path / "gone.mp4"
    result = prepare_clip(ROW, path, "k", tmp_path, blue_screen(), blue_screen_detector())
    assert result.status == "failed"
    assert result.reason == "No file at a.mp4; check the path."


def test_what_cannot_be_converted_is_a_reason(
    make_face_clip, blue_screen, blue_screen_detector, tmp_path
):
    path = with_sound_of_many_channels(make_face_clip(seconds=1.0, with_sound=False), tmp_path)
    settings = blue_screen(CropSettings(size=32))
    result = prepare_clip(ROW, path, "k", tmp_path, settings, blue_screen_detector())
    assert result.status == "failed"
    assert "FFmpeg cannot convert it" in result.reason
    assert not list(tmp_path.glob("crops/**/*.mp4"))


def with_sound_of_many_channels(path, folder):
    """Return a copy of a file with a sound track of more channels than FFmpeg can mix."""
    with wave.open(str(folder / "many.wav"), "wb") as file:
        file.setnchannels(80)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(16_000 * 80 * 2))
    copy = folder / "many.mov"
    with (
        av.open(str(path)) as video,
        av.open(str(folder / "many.wav")) as sound,
        av.open(str(copy), "w") as out,
    ):
        pairs = [
            (source, out.add_stream_from_template(source.streams[0])) for source in (video, sound)
        ]
        for source, stream in pairs:
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    return copy
