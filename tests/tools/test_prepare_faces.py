import json
import os
import subprocess
import sys
from pathlib import Path

from macbdf_mm.datasets import ClipRow, load_annotation, save_annotation

REPOSITORY = Path(__file__).parents[2]
OWN = REPOSITORY / "tests" / "prepare" / "faces" / "own_detector"


def run_tool(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "tools" / "prepare_faces.py"), *map(str, arguments)]
    path = os.pathsep.join([str(OWN), str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_crops_with_a_detector_of_ones_own(make_face_clip, tmp_path):
    make_face_clip("data/one.mp4", seconds=0.8)
    make_face_clip("data/none.mp4", [], seconds=0.8)
    rows = [ClipRow("one.mp4", 0, 0, 0), ClipRow("none.mp4", 1, 1, 1)]
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, rows)
    done = run_tool(
        *("ann.json", "--data-root", "data", "--out", "out", "--workers", 1, "--crops", "jpeg"),
        *("--size", 48, "--detector", "BlueScreenDetector", "--import", "blue_screen_detector"),
        *("--detector-options", "min_side=12"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 clips: 1 with one face")
    assert "failed: none.mp4: no face" in done.stdout
    assert "faces: 2/2 clips" in done.stderr
    annotation = load_annotation(tmp_path / "out/annotation.json")
    assert annotation.metainfo["faces"]["detector"]["min_side"] == 12
    assert (tmp_path / "out" / annotation.rows[0].file).suffix == ".mov"
    assert json.loads((tmp_path / "out/report.json").read_text())["counts"]["failed"] == 1


def test_wrong_arguments_get_one_sentence(tmp_path):
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, [ClipRow("a.mp4", 0)])
    base = ("ann.json", "--data-root", ".", "--out", "out")
    done = run_tool(*base, "--shard", "3/2", cwd=tmp_path)
    assert done.returncode == 2
    assert "Expected a shard I/N with 1 <= I <= N, got 3/2" in done.stderr
    done = run_tool(*base, "--detector", "Nobody", "--workers", 1, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: There is no face detector 'Nobody'")
