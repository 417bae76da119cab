import pytest

from macbdf_mm.datasets import ClipRow
from macbdf_mm.errors import MissingBackendError
from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings
from macbdf_mm.prepare.faces.worker_pool import ClipJob, build_detector, run_jobs


def test_one_detector_serves_all_clips_of_a_process(
    make_face_clip, blue_screen, blue_screen_detector, tmp_path, monkeypatch
):
    built = []
    original = blue_screen_detector.__init__
    monkeypatch.setattr(
        blue_screen_detector,
        "__init__",
        lambda self, **arguments: (built.append(1), original(self, **arguments))[1],
    )
    path = make_face_clip(seconds=0.6)
    jobs = [ClipJob(ClipRow(f"{k}.mp4", 0), path, str(k)) for k in range(3)]
    results = list(run_jobs(jobs, tmp_path, blue_screen(), 1))
    assert [result.status for result in results] == ["found"] * 3
    assert built == [1]


def test_no_detector_is_built_for_own_boxes():
    assert build_detector(PreparationSettings(None)) is None


def test_a_missing_backend_is_said_before_processes_start(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "facenet_pytorch", None)
    settings = PreparationSettings(dict(type="MTCNNDetector"))
    with pytest.raises(MissingBackendError, match="pip install"):
        next(run_jobs([], tmp_path, settings, 2))
