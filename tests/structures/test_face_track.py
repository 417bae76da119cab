import json

import numpy as np
import pytest

from macbdf_mm.structures.face_track import (
    FaceTrack,
    box_areas,
    choose_track,
    intersection_over_union,
    parse_face_track,
    squares_around,
)

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


def track(seconds, side, left=0.0, start=0.0, chosen=False):
    times = np.array([start, start + seconds]) if seconds else np.array([start])
    box = [left, 0.0, left + side, side]
    return FaceTrack(times, np.tile(box, (len(times), 1)), chosen=chosen)


def test_largest_product_of_area_and_duration():
    # 0.16 * 1, 0.04 * 5, 0.09 * 2
    assert choose_track([track(1, 0.4), track(5, 0.2), track(2, 0.3)]) == 1
    assert choose_track([track(1, 0.4), track(2, 0.2), track(1, 0.3)]) == 0


def test_a_marked_track_is_taken_in_any_case():
    assert choose_track([track(9, 0.9), track(1, 0.1, chosen=True)]) == 1


def test_single_boxes_are_told_apart_by_area():
    assert choose_track([track(0, 0.2), track(0, 0.5), track(0, 0.3)]) == 1


def test_ties_go_to_the_earlier_and_then_to_the_left():
    assert choose_track([track(1, 0.2, start=1.0), track(1, 0.2, start=0.5)]) == 1
    assert choose_track([track(1, 0.25, left=0.5), track(1, 0.25, left=0.125)]) == 1


def test_nothing_to_choose_from():
    assert choose_track([]) is None


def draw_boxes(rng, count):
    corners = rng.integers(0, 30, (count, 2))
    return np.concatenate([corners, corners + rng.integers(1, 20, (count, 2))], axis=1)


def count_pixels(box, size=60):
    mask = np.zeros((size, size), bool)
    left, top, right, bottom = box
    mask[top:bottom, left:right] = True
    return mask


def test_overlap_agrees_with_counting_pixels():
    rng = np.random.default_rng(0)
    first, second = draw_boxes(rng, 8), draw_boxes(rng, 5)
    found = intersection_over_union(first, second)
    assert found.shape == (8, 5)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            one, other = count_pixels(a), count_pixels(b)
            assert found[i, j] == pytest.approx((one & other).sum() / (one | other).sum())


def test_areas():
    np.testing.assert_allclose(box_areas([[1, 2, 4, 8], [0, 0, 0.5, 0.5]]), [18, 0.25])


def test_a_square_is_centred_on_its_box_and_as_long_as_its_longer_side():
    squares = squares_around([[0.25, 0.5, 0.75, 1.0], [0.9, 0.0, 1.1, 0.1]], (100, 200), 1.5)
    np.testing.assert_allclose(squares, [[100, 75, 150], [200, 5, 60]])


def test_margin_is_checked():
    with pytest.raises(ValueError, match="`margin` > 0, got 0"):
        squares_around([[0, 0, 1, 1]], (10, 10), 0)
