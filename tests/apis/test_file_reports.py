import hashlib
import re

import av
import pytest

from macbdf_mm.apis.file_reports import NOT_ANEW, FileReports, describe_origin, report_name
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.errors import UnwritableFileError


@pytest.fixture(scope="module")
def inferencer(run_dir):
    return ForgeryInferencer(
        run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", device="cpu", show_progress=False
    )


@pytest.fixture
def reports(tmp_path):
    return FileReports(html=tmp_path / "html", video=tmp_path / "video")


def test_names_are_plain_and_differ():
    names = [
        report_name(name)
        for name in ("a/clip.mp4", "b/clip.mp4", "a/clip.mov", "..", "\udcff\n'\"/.mp4", "x" * 300)
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{1,80}", name) for name in names)
    assert names[0].startswith("clip-")


def test_page_and_video_are_written_and_made_again_only_if_they_are_of_other_scores(
    reports, inferencer, make_clip, monkeypatch
):
    monkeypatch.setattr("macbdf_mm.apis.saliency.has_captum", lambda: False)
    path = make_clip(seconds=1.5)
    prediction = inferencer(path)["predictions"][0]
    reports.write(prediction, inferencer)
    page, video = reports.page_of(str(path)), reports.video_of(str(path))
    assert "plain gradients" in page.read_text()
    assert reports.links(prediction) == (page.name, f"../video/{video.name}")
    with av.open(str(video)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    written = page.stat().st_mtime_ns, video.stat().st_mtime_ns
    reports.complete(prediction)
    assert (page.stat().st_mtime_ns, video.stat().st_mtime_ns) == written
    reports.complete({**prediction, "warnings": ["another run"]})
    assert NOT_ANEW in page.read_text()
    assert video.stat().st_mtime_ns != written[1]
    # A video of scores that are no more would be linked as one of these.
    reports.complete({**prediction, "windows": []})
    assert not video.exists()


def test_a_file_without_pictures_or_scores_has_a_page_and_no_video(
    reports, inferencer, make_clip, tmp_path
):
    sound = make_clip("sound.m4a", seconds=1.5, with_video=False)
    for path in (sound, tmp_path / "none.mp4"):
        prediction = inferencer(path)["predictions"][0]
        reports.complete(prediction)
        assert reports.page_of(str(path)).is_file()
        assert reports.links(prediction) == (reports.page_of(str(path)).name, None)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for reports in (FileReports(html=tmp_path / "file"), FileReports(video=tmp_path / "file")):
        with pytest.raises(UnwritableFileError, match="cannot be written"):
            reports.check()
    FileReports().check()


def test_the_origin_names_the_weights(run_dir):
    checkpoint = run_dir / "best_epoch_1.pth"
    origin = describe_origin(checkpoint, None, {"training_data": {"dataset": "demo"}}, {"a": 1})
    assert origin["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert origin["training_data"] == {"dataset": "demo"}
    assert origin["settings"] == {"a": 1}
