import subprocess
import sys

from recordings import record, save, swap_face

from macbdf_mm.media.inspection import inspect_headers, inspect_tracks


def test_headers_in_order_with_the_errors_of_what_cannot_be_read(tmp_path):
    save(tmp_path / "a/x.mp4", record(0), with_sound=False)
    (tmp_path / "y.mp4").write_bytes(b"")
    first, second, third = inspect_headers(str(tmp_path), ["a/x.mp4", "y.mp4", "gone.mp4"])
    assert (first["has_video"], first["has_audio"]) == (True, False)
    assert "y.mp4 is empty" in second["error"]
    assert "gone.mp4" in third["error"]


def test_tracks_are_compared_with_the_first_file(tmp_path):
    recording = record(0)
    save(tmp_path / "original.mp4", recording)
    save(tmp_path / "fake.mp4", swap_face(recording, 1))
    save(tmp_path / "same.mp4", recording)
    files = ["original.mp4", "fake.mp4", "same.mp4"]
    fake, same = inspect_tracks(str(tmp_path), files)
    assert fake["video_difference"] > 7 > 2.5 > same["video_difference"]


def test_a_process_that_looks_at_headers_loads_nothing_heavy():
    script = (
        "import sys, macbdf_mm.media.inspection\n"
        "print([m for m in ('torch', 'cv2', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
