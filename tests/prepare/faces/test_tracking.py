from itertools import permutations

import numpy as np
import pytest

from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.prepare.faces.tracking import link_detections, smooth_boxes
from macbdf_mm.structures.face_track import intersection_over_union


def see(*lefts, size=20.0):
    boxes = np.array([[left, 0, left + size, size] for left in lefts]).reshape(-1, 4)
    return Detections(boxes, np.full(len(boxes), 0.9))


def lefts_of(track):
    return track.boxes[:, 0].tolist()


def test_two_faces_are_followed_whatever_their_order():
    tracks = link_detections([0, 1, 2], [see(0, 100), see(103, 2), see(4, 106)])
    assert [lefts_of(track) for track in tracks] == [[0, 2, 4], [100, 103, 106]]
    assert [track.num_detections for track in tracks] == [3, 3]
    assert tracks[0].score == pytest.approx(0.9)


def test_a_face_is_found_again_within_the_gap_and_not_after():
    times = [0.0, 0.2, 0.4, 0.6, 0.8]
    seen = [see(0), see(), see(), see(1), see(1)]
    (track,) = link_detections(times, seen, max_gap_seconds=0.6)
    assert track.times_seconds.tolist() == [0.0, 0.6, 0.8]
    tracks = link_detections(times, seen, max_gap_seconds=0.4)
    assert [track.times_seconds.tolist() for track in tracks] == [[0.0], [0.6, 0.8]]


def test_no_track_goes_on_after_a_cut():
    times, seen = [0.0, 0.2, 0.4, 0.6], [see(0), see(0), see(0), see(0)]
    tracks = link_detections(times, seen, cuts_seconds=[0.4])
    assert [track.times_seconds.tolist() for track in tracks] == [[0.0, 0.2], [0.4, 0.6]]
    assert len(link_detections(times, seen, cuts_seconds=[0.1, 0.3, 0.5, 0.7])) == 4


def test_a_jump_begins_another_track():
    tracks = link_detections([0, 0.2], [see(0), see(15)], min_iou=0.3)
    assert len(tracks) == 2
    assert len(link_detections([0, 0.2], [see(0), see(15)], min_iou=0.1)) == 1


def test_the_sum_of_overlaps_is_largest_among_all_assignments():
    rng = np.random.default_rng(1)
    for _ in range(20):
        first, second = see(*rng.uniform(0, 30, 4)), see(*rng.uniform(0, 30, 4))
        tracks = link_detections([0, 1], [first, second], min_iou=1e-9)
        found = sum(
            intersection_over_union(track.boxes[:1], track.boxes[1:]).item()
            for track in tracks
            if len(track.boxes) == 2
        )
        overlap = intersection_over_union(first.boxes, second.boxes)
        best = max(sum(overlap[i, j] for i, j in enumerate(p)) for p in permutations(range(4)))
        assert found == pytest.approx(best)


def test_a_pair_that_may_not_be_joined_keeps_no_face_from_its_track():
    # The sum of overlaps alone would give the face at 10 to the track at 0 as well.
    tracks = link_detections([0, 1], [see(0, 18), see(16)], min_iou=0.5)
    assert [lefts_of(track) for track in tracks] == [[0], [18, 16]]
    # Two overlaps that are too small are more together than the one that is large enough.
    tracks = link_detections([0, 1], [see(0, 14), see(-9, 6)], min_iou=0.5)
    assert [lefts_of(track) for track in tracks] == [[0, 6], [14], [-9]]


def test_nothing_seen_gives_nothing():
    assert link_detections([0, 1], [see(), see()]) == []
    assert link_detections([], []) == []


def test_agrees_with_weighted_fits_of_numpy():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.1, 0.4, 30))
    boxes = rng.uniform(0, 1, (30, 4))
    scale = 0.25
    expected = np.empty_like(boxes)
    for index, moment in enumerate(times):
        # polyfit squares its weights.
        weights = np.exp(-0.25 * ((times - moment) / scale) ** 2)
        for column in range(4):
            expected[index, column] = np.polyfit(times - moment, boxes[:, column], 1, w=weights)[1]
    # Neighbours beyond 5.5 deviations are left out: less than a millionth each.
    np.testing.assert_allclose(smooth_boxes(times, boxes, scale), expected, atol=1e-5)


def test_steady_motion_is_kept_to_the_ends_and_over_gaps():
    times = np.array([0.0, 0.2, 0.4, 0.6, 1.4, 1.6, 1.8])
    boxes = np.outer(times, [1.0, -2.0, 0.5, 3.0]) + 7.0
    np.testing.assert_allclose(smooth_boxes(times, boxes, 0.2), boxes, atol=1e-9)


def test_trembling_is_reduced():
    rng = np.random.default_rng(1)
    times = np.arange(100) * 0.2
    noise = rng.standard_normal((100, 4))
    assert smooth_boxes(times, noise, 0.2).std() < 0.7 * noise.std()


def test_what_stands_alone_stays():
    times, boxes = np.array([0.0, 100.0, 200.0]), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(smooth_boxes(times, boxes, 0.2), boxes)
    np.testing.assert_array_equal(smooth_boxes(times[:2], boxes[:2], 500.0), boxes[:2])
    np.testing.assert_array_equal(smooth_boxes(times, boxes, 0.0), boxes)


def test_scale_is_checked():
    with pytest.raises(ValueError, match="`scale_seconds` >= 0, got -1"):
        smooth_boxes(np.zeros(3), np.zeros((3, 4)), -1)
