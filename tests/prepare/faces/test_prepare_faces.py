import errno
import json

import numpy as np
import pytest

from macbdf_mm.datasets import load_annotation, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import (
    ConfigError,
    MissingDataError,
    UndecodableMediaError,
    UnwritableFileError,
)
from macbdf_mm.prepare.faces.face_crop import CropSettings, CropWriter
from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings
from macbdf_mm.prepare.faces.prepare_faces import prepare_faces
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard

SMALL = CropSettings(size=32)


@pytest.fixture
def prepare(small_set, blue_screen, tmp_path):
    def prepare(crops=None, options=None, engine=None, **arguments):
        annotation, data_root = small_set
        settings = arguments.pop("settings", None) or blue_screen(crops, **arguments)
        calls = []
        report = prepare_faces(
            annotation, data_root, tmp_path / "out", settings, engine or LocalEngine(0),
            lambda *c: calls.append(c), **(options or {}),
        )  # fmt: skip
        return report, calls

    return prepare


def snapshot(folder):
    """Return the bytes of all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_boxes_go_into_the_annotation_and_failures_with_their_reason(prepare, tmp_path):
    report, calls = prepare()
    rows = {row.file: row for row in load_annotation(report.annotation_path).rows}
    assert list(rows) == ["one.mp4", "two.mp4", "none.mp4", "broken.mp4"]
    assert [len(row.faces) for row in rows.values()] == [1, 2, 0, 0]
    assert [face["chosen"] for face in rows["one.mp4"].faces] == [True]
    assert sum(face["chosen"] for face in rows["two.mp4"].faces) == 1
    assert rows["none.mp4"].extra == {"face_failure": "no face in 5 frames looked at"}
    assert rows["broken.mp4"].extra["note"] == "kept"
    assert "not a media file" in rows["broken.mp4"].extra["face_failure"]
    assert rows["two.mp4"].video_fake_intervals == ((0.2, 0.6),)
    metainfo = load_annotation(report.annotation_path).metainfo
    assert metainfo["licence"] == "none"
    assert metainfo["faces"]["detector"] == {"type": "BlueScreenDetector"}
    assert (metainfo["faces"]["num_found"], metainfo["faces"]["num_failed"]) == (2, 2)
    assert calls[0] == ("faces", 0, 4)
    assert calls[-1] == ("faces", 4, 4)
    assert not (tmp_path / "out/crops").exists()


@pytest.mark.parametrize("form", ["mp4", "jpeg"])
def test_crops_are_a_data_set_of_their_own(prepare, tmp_path, form):
    crops = CropSettings(form, size=32)
    report, _ = prepare(crops)
    annotation = load_annotation(report.annotation_path)
    assert annotation.metainfo["faces"]["crops"] == crops.record()
    assert [row.extra["face_crop"]["file"] for row in annotation.rows] == ["one.mp4", "two.mp4"]
    assert [row.source for row in annotation.rows] == ["one.mp4", "one.mp4"]
    assert [row.label for row in annotation.rows] == [0, 1]
    for row in annotation.rows:
        # The wall's head is square, and the margin 1.3.
        np.testing.assert_allclose(
            row.faces[0]["boxes"][0], [0.115, 0.115, 0.885, 0.885], atol=0.01
        )
    failed = load_annotation(report.failed_path).rows
    assert [row.file for row in failed] == ["none.mp4", "broken.mp4"]
    assert all(row.extra["face_failure"] for row in failed)
    data = AudioVisualForgeryDataset(
        "annotation.json",
        [
            dict(type="SampleClipSpan", span_seconds=0.8, test_mode=True),
            dict(type="DecodeAudioVisual", num_frames=4),
            dict(type="PackForgeryInputs", num_steps=2),
        ],
        data_root=str(tmp_path / "out"),
    )
    item = data[1]
    assert item["inputs"]["video"].shape == (3, 4, 32, 32)
    assert item["inputs"]["video_mask"].all()
    assert item["inputs"]["audio_mask"].all()
    assert item["data_samples"].gt_label.item() == 1


def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(prepare, tmp_path):
    report, _ = prepare(SMALL)
    whole = snapshot(report.out_dir)
    journal = report.out_dir / "results.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    # Killed while the third result was being written, and a crop was lost.
    journal.write_text("".join(lines[:2]) + lines[2][:25])
    (report.out_dir / json.loads(lines[0])["value"]["crop_file"]).unlink()
    report.annotation_path.unlink()
    report, calls = prepare(SMALL)
    assert calls[0] == ("faces", 1, 4)
    again = snapshot(report.out_dir)
    name = str(journal.relative_to(report.out_dir))
    assert again.pop(name) != whole.pop(name)
    assert again == whole
    _, calls = prepare(SMALL)
    assert calls == [("faces", 4, 4)]


def test_other_settings_or_a_changed_file_are_prepared_anew(prepare, small_set, make_face_clip):
    prepare()
    _, calls = prepare(min_side=12)
    assert calls[0] == ("faces", 0, 4)
    make_face_clip("data/none.mp4", seconds=0.8)
    report, calls = prepare()
    assert calls[0] == ("faces", 3, 4)
    assert report.counts()["failed"] == 1


def test_failed_clips_are_looked_at_again_if_asked_to(prepare):
    prepare()
    _, calls = prepare(options=dict(retry_failed=True))
    assert calls[0] == ("faces", 2, 4)


def test_shards_share_a_folder_and_what_completes_them_writes_the_annotation(prepare, tmp_path):
    report, calls = prepare(options=dict(shard=Shard(2, 2)))
    num_mine = calls[-1][2]
    assert 0 < num_mine < 4
    assert report.num_outstanding == 4 - num_mine
    assert "clips are not done yet; run the other shards, then once without" in report.describe()
    assert not report.annotation_path.exists()
    report, _ = prepare(options=dict(shard=Shard(1, 2)))
    assert report.num_outstanding == 0
    in_shards = report.annotation_path.read_bytes()
    assert sorted(path.name for path in (tmp_path / "out").glob("*.jsonl")) == [
        "results.1-of-2.jsonl", "results.2-of-2.jsonl",
    ]  # fmt: skip
    report.annotation_path.unlink()
    report, calls = prepare()
    assert calls == [("faces", 4, 4)]
    assert report.annotation_path.read_bytes() == in_shards


def test_workers_give_the_same_bytes(prepare, tmp_path):
    report, _ = prepare(SMALL)
    alone = snapshot(report.out_dir)
    report.out_dir.rename(tmp_path / "alone")
    report, _ = prepare(SMALL, engine=LocalEngine(2, 60))
    together = snapshot(report.out_dir)
    journals = [name for name in alone if name.endswith(".jsonl")]
    lines = [sorted(files.pop(journals[0]).splitlines()) for files in (alone, together)]
    assert lines[0] == lines[1]
    assert {name: value for name, value in together.items() if name != "report.json"} == {
        name: value for name, value in alone.items() if name != "report.json"
    }


def test_a_file_that_kills_its_process_fails_alone(prepare, small_set):
    annotation, _ = small_set
    loaded = load_annotation(annotation)
    save_annotation(annotation, loaded.metainfo, loaded.rows[1:3])
    report, _ = prepare(num_deadly=2, engine=LocalEngine(2, 60))
    reasons = {result.file: result.reason for result in report.results}
    assert reasons["two.mp4"] == ("two.mp4: its process ended with exit code 3, in two attempts.")
    assert reasons["none.mp4"].startswith("no face in 5 frames")
    assert report.num_outstanding == 0


def test_own_boxes_need_no_detector(small_set, prepare, tmp_path):
    annotation, _ = small_set
    loaded = load_annotation(annotation)
    box = dict(times_seconds=[0.0], boxes=[[0.375, 1 / 3, 0.575, 0.6]])
    rows = [
        row if index else row.__class__(**{**row.__dict__, "faces": (box,)})
        for index, row in enumerate(loaded.rows)
    ]
    save_annotation(annotation, loaded.metainfo, rows)
    report, _ = prepare(settings=PreparationSettings(None, crops=SMALL))
    (row,) = load_annotation(report.annotation_path).rows
    assert row.extra["face_crop"]["file"] == "one.mp4"
    # A single box is held for half a second, so that much is cropped.
    assert row.duration_seconds == pytest.approx(0.52)
    assert {result.reason for result in report.failures} == {"the annotation has no `faces` for it"}


def test_boxes_of_a_run_can_be_cropped_later(prepare, small_set, tmp_path):
    report, _ = prepare()
    boxes = report.annotation_path
    _, data_root = small_set
    later = prepare_faces(
        boxes, data_root, tmp_path / "later", PreparationSettings(None, crops=SMALL), LocalEngine(0)
    )
    direct, _ = prepare(SMALL)
    # Why a clip has no boxes is passed on.
    assert [r.reason for r in later.failures] == [r.reason for r in direct.failures]
    for one, other in zip(
        load_annotation(later.annotation_path).rows,
        load_annotation(direct.annotation_path).rows,
        strict=True,
    ):
        first = (tmp_path / "later" / one.file).read_bytes()
        assert abs(len(first) - len((tmp_path / "out" / other.file).read_bytes())) < 0.05 * len(
            first
        )
        assert one.duration_seconds == other.duration_seconds


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(data_root="gone"), MissingDataError, "No data folder at gone; check `--data-root`"),
        (dict(detector=dict(type="Nobody")), ConfigError, "no face detector 'Nobody'; .*MTCNN"),
        (
            dict(detector=dict(type="BlueScreenDetector", colour="red")),
            ConfigError,
            "`--detector-options` do not fit BlueScreenDetector: .*'colour'",
        ),
        (dict(imports=("no_such_module",)), ConfigError, "'no_such_module' of `--import` cannot"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    small_set, blue_screen_detector, tmp_path, change, error, message
):
    annotation, data_root = small_set
    settings = PreparationSettings(change.get("detector"), imports=change.get("imports", ()))
    with pytest.raises(error, match=message):
        prepare_faces(
            annotation, change.get("data_root", data_root), tmp_path / "out", settings,
            LocalEngine(0),
        )  # fmt: skip


def test_several_is_told_from_one(prepare):
    report, _ = prepare()
    assert report.counts() == {
        "clips": 4, "found": 1, "several": 1, "failed": 2, "outstanding": 0,
        "seen_less_than_half": 0,
    }  # fmt: skip
    text = report.describe()
    assert text.startswith("4 clips: 1 with one face, 1 with several of which one was chosen")
    assert "failed: none.mp4: no face in 5 frames looked at" in text
    document = json.loads(report.path.read_text())
    assert document["failed_by_label"] == {
        "0": {"failed": 1, "clips": 2}, "1": {"failed": 1, "clips": 2},
    }  # fmt: skip
    assert document["failed_by_split"]["test"] == {"failed": 2, "clips": 2}
    shares = [clip["covered_share"] for clip in document["clips"]]
    np.testing.assert_equal(shares, [1.0, 1.0, None, None])


def test_a_clip_that_hangs_ends_at_its_limit(prepare):
    report, _ = prepare(num_endless=2, engine=LocalEngine(2, 3))
    reasons = {result.file: result.reason for result in report.results}
    assert reasons["two.mp4"] == "two.mp4: not done within 3 s, in two attempts."
    assert reasons["one.mp4"] is None
    assert report.num_outstanding == 0


def test_a_full_disk_ends_the_run_and_marks_no_clip(prepare, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(CropWriter, "write_frame", fill_the_disk)
        with pytest.raises(UnwritableFileError, match=r"out/crops/.* cannot be written .no space"):
            prepare(SMALL)
    report, calls = prepare(SMALL)
    assert calls[0] == ("faces", 0, 4)
    assert report.counts()["found"] == 1


def fill_the_disk(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_fails_for_a_passing_reason_is_tried_again(prepare, monkeypatch):
    def locked(path, *arguments):
        raise UndecodableMediaError(f"{path} is locked") from PermissionError(errno.EACCES, "no")

    with monkeypatch.context() as patch:
        patch.setattr("macbdf_mm.prepare.faces.prepare_clip.find_faces", locked)
        report, _ = prepare()
    assert [result.reason for result in report.failures] == [
        f"{name}.mp4 is locked" for name in ("one", "two", "none", "broken")
    ]
    report, calls = prepare()
    assert calls[0] == ("faces", 0, 4)
    assert report.counts()["failed"] == 2
