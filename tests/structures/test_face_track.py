import json

import numpy as np
import pytest

from macbdf_mm.structures.face_track import FaceTrack, parse_face_track

TIMES = [0.0, 0.2, 0.6]
BOXES = [[0.1, 0.1, 0.3, 0.5], [0.2, 0.1, 0.4, 0.5], [0.2, 0.3, 0.4, 0.7]]
ENTRY = {"times_seconds": TIMES, "boxes": BOXES}


def make_track(**fields):
    return FaceTrack(np.array(TIMES), np.array(BOXES), **fields)


def test_boxes_between_moments_lie_between():
    boxes, known = make_track().boxes_at([0.1, 0.2, 0.4])
    np.testing.assert_allclose(boxes[0], [0.15, 0.1, 0.35, 0.5])
    np.testing.assert_allclose(boxes[1], BOXES[1])
    np.testing.assert_allclose(boxes[2], [0.2, 0.2, 0.4, 0.6])
    assert known.all()


def test_boxes_are_held_past_the_ends_and_known_for_as_long_as_told():
    times = [-0.5, -0.1, 0.7, 1.2]
    boxes, known = make_track().boxes_at(times, max_hold_seconds=0.1)
    np.testing.assert_allclose(boxes, [BOXES[0], BOXES[0], BOXES[2], BOXES[2]])
    assert known.tolist() == [False, True, True, False]
    assert not make_track().boxes_at(times)[1].any()


def test_a_single_moment_is_a_track():
    track = FaceTrack(np.array([1.0]), np.array([BOXES[0]]))
    boxes, known = track.boxes_at([0.0, 1.0, 5.0], max_hold_seconds=4.0)
    np.testing.assert_allclose(boxes, [BOXES[0]] * 3)
    assert known.all()
    assert track.interval == (1.0, 1.0)


def test_an_entry_comes_back_from_json():
    track = make_track(score=0.98765, num_detections=3, chosen=True)
    entry = json.loads(json.dumps(track.as_entry()))
    again = parse_face_track(entry)
    np.testing.assert_allclose(again.boxes, track.boxes)
    np.testing.assert_allclose(again.times_seconds, track.times_seconds)
    assert (again.score, again.num_detections, again.chosen) == (0.9877, 3, True)
    assert set(make_track().as_entry()) == {"times_seconds", "boxes", "chosen"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"box": []}, "no `box` in a face track"),
        ({"times_seconds": [0.0, 0.2, 0.2]}, "`times_seconds` to be an ascending list"),
        ({"times_seconds": []}, "`times_seconds` to be an ascending list"),
        ({"times_seconds": [0.0, None, 1.0]}, "`times_seconds` to be lists of numbers"),
        ({"boxes": BOXES[:2]}, r"`boxes` to be 3 lists .* got shape \(2, 4\)"),
        ({"boxes": [[0.1], *BOXES[1:]]}, "`boxes` to be lists of numbers"),
        ({"boxes": [[0.3, 0.1, 0.1, 0.5], *BOXES[1:]]}, r"left < right .* got \[0\.3, 0\.1"),
        ({"boxes": [[120, 80, 180, 140]] * 3}, r"divide pixels by the frame's size"),
        ({"chosen": 1}, "`chosen` to be true or false, got 1"),
        ({"score": "high"}, "`score` to be a number, got 'high'"),
        ({"num_detections": True}, "`num_detections` to be a number, got True"),
    ],
)
def test_what_breaks_the_format_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        parse_face_track({**ENTRY, **change})


@pytest.mark.parametrize("name", ["times_seconds", "boxes"])
def test_what_is_missing_is_said(name):
    with pytest.raises(ValueError, match=f"a face track needs `{name}`"):
        parse_face_track({key: value for key, value in ENTRY.items() if key != name})
