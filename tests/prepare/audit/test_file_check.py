import json

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.audit.file_check import FileCheck, remarks_on

ROW = ClipRow("a.mp4", 1, 1, 1)


@pytest.mark.parametrize("changes", [{}, dict(has_video=False, width=None, brightness=None)])
def test_a_check_survives_json(measured, changes):
    check = measured(**changes)
    values = {**check.to_json(), "what_a_later_version_adds": 1}
    assert FileCheck.from_json(json.loads(json.dumps(values))) == check


def test_so_does_the_reason_of_a_broken_file():
    check = FileCheck(None, "a.mp4 is empty")
    assert FileCheck.from_json(json.loads(json.dumps(check.to_json()))) == check


@pytest.mark.parametrize(
    ("row", "changes", "remark"),
    [
        (ROW, dict(num_damaged_packets=3), "3 packets do not decode"),
        (ROW, dict(missing_seconds=0.6), "cut short, 0.6 s are missing"),
        (ROW, dict(has_video=False), "no video"),
        (ROW, dict(has_audio=False), "no sound"),
        (ROW, dict(peak=0.0), "silent sound"),
        (ClipRow("a", 0, duration_seconds=2.6), {}, "lasts 2.0 s, annotated 2.6 s"),
        (
            ClipRow("a", 1, 1, audio_fake_intervals=(), video_fake_intervals=((2.0, 3.0),)),
            {},
            "a fake interval starts at 2.0 s, after its end",
        ),
    ],
)
def test_what_is_unusual_is_said(measured, row, changes, remark):
    assert remarks_on(row, measured(**changes)) == [remark]


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (ROW, {}),
        (ROW, dict(missing_seconds=0.4, peak=None)),
        (ClipRow("a", 0, duration_seconds=2.4), {}),
        (ClipRow("a", 1, 1, video_fake_intervals=((1.9, 3.0),)), {}),
    ],
)
def test_what_is_usual_is_not(measured, row, changes):
    assert remarks_on(row, measured(**changes)) == []


def test_nothing_is_said_of_what_cannot_be_read():
    assert remarks_on(ROW, FileCheck(None, "broken")) == []
