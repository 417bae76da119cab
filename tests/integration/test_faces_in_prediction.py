"""`macbdf predict` on files with faces: one process for most checks, since each costs seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.apis.caveats import FRAMES_FOR_FACES

REPOSITORY = Path(__file__).parents[2]
DETECTOR = REPOSITORY / "tests" / "prepare" / "faces" / "own_detector"
BLUE, OTHER_BLUE = (20, 20, 235), (60, 80, 175)


def _predict(*words, cwd):
    command = [sys.executable, "-m", "macbdf_mm", "predict", *map(str, words), "--device", "cpu"]
    path = os.pathsep.join([str(DETECTOR), str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_faces_are_found_and_scored_each(face_run_dir, make_face_clip, tmp_path):
    files = [
        make_face_clip(
            "two.mp4",
            places=[lambda t: (200, 100), lambda t: (20, 30) if t < 1.7 else None],
            seconds=4.0,
        ),
        make_face_clip("cut.mp4", walls=lambda t: BLUE if t < 1.6 else OTHER_BLUE, seconds=3.2),
        make_face_clip("leaves.mp4", places=[lambda t: (20, 30) if t < 1.5 else None], seconds=4.0),
        make_face_clip("none.mp4", places=[], seconds=2.0),
        make_face_clip("nothing.mp4", places=[], seconds=2.0, with_sound=False),
    ]
    done = _predict(
        *files,
        *("--checkpoint", face_run_dir / "best.pth", "--import", "blue_screen_detector"),
        *("--json", "out.json", "--num-workers", 0),
        cwd=tmp_path,
    )
    # A file in which nothing can be judged is one that was not scored.
    assert done.returncode == 1, done.stderr
    lines = dict(zip((file.name for file in files), done.stdout.splitlines()[1:], strict=False))
    found = {
        Path(entry["file"]).name: entry for entry in json.loads((tmp_path / "out.json").read_text())
    }

    two = found["two.mp4"]
    assert (two["status"], two["looked_at"], two["cuts"]) == ("ok", "faces", [])
    first, second = two["faces"]
    assert first["span"] == pytest.approx([0.0, 2.16], abs=0.1)
    assert second["span"] == pytest.approx([0.0, 4.0], abs=0.05)
    assert second["box"] == pytest.approx([200 / 320, 100 / 240, 264 / 320, 164 / 240], abs=0.02)
    scores = {face["id"]: face["scores"]["overall"] for face in two["faces"]}
    assert two["scores"]["overall"] == max(scores.values()) == scores[two["worst_face"]]
    assert len(second["windows"]) == len(second["boxes"]) == 6
    assert two["unseen_share"] == pytest.approx(0.0, abs=0.02)
    assert f"worst of 2 faces, {two['worst_face']}, at 0.0" in lines["two.mp4"]

    cut = found["cut.mp4"]
    assert cut["cuts"] == pytest.approx([1.6], abs=1e-3)
    assert [face["span"] for face in cut["faces"]] == [
        pytest.approx([0.0, 1.6], abs=1e-3),
        pytest.approx([1.6, 3.2], abs=1e-3),
    ]
    for face in cut["faces"]:
        start, end = face["span"]
        assert all(start - 0.01 <= w[0] and w[1] <= end + 0.05 for w in face["windows"])
    assert cut["cut_windows"] == []

    leaves = found["leaves.mp4"]
    assert [face["id"] for face in leaves["faces"]] == [1]
    # 1.4 s with the face, half a second in which it is held, and nothing afterwards.
    assert leaves["unseen_share"] == pytest.approx(1 - 1.92 / 4.0, abs=0.03)
    assert "; 1 face at 0.0-1.9 s; " in lines["leaves.mp4"]

    none = found["none.mp4"]
    assert (none["status"], none["looked_at"], none["faces"]) == ("ok", "no face", [])
    assert none["scores"]["video"] is None
    assert none["scores"]["audio"] is not None
    assert none["unusable"]["video"]["reasons"] == ["without a face"]
    assert "no face in 10 frames looked at" in none["warnings"]

    nothing = found["nothing.mp4"]
    assert (nothing["status"], nothing["looked_at"]) == ("not judged", "no face")
    assert "no face is seen, and no sound is heard" in nothing["error"]


def test_without_the_detector_whole_frames_are_refused_unless_told(
    face_run_dir, make_face_clip, tmp_path
):
    path = make_face_clip(walls=lambda t: BLUE if t < 1.6 else OTHER_BLUE, seconds=3.2)
    words = (path, "--checkpoint", face_run_dir / "best.pth", "--json", "out.json")
    # The module that registers the detector is not named.
    done = _predict(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "There is no face detector 'BlueScreenDetector'" in done.stderr
    done = _predict(*words, "--faces", "whole-frame", "--num-workers", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [entry] = json.loads((tmp_path / "out.json").read_text())
    assert (entry["looked_at"], entry["faces"]) == ("whole frames", [])
    assert FRAMES_FOR_FACES in entry["warnings"]
    assert "; whole frames; " in done.stdout
    assert entry["cuts"] == pytest.approx([1.6], abs=0.08)
    spans = [window[:2] for window in entry["windows"]]
    [cut] = entry["cuts"]
    assert entry["cut_windows"] == [i for i, (s, e) in enumerate(spans) if s < cut < e] != []
