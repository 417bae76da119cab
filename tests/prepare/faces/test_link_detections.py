from itertools import permutations

import numpy as np
import pytest

from macbdf_mm.prepare.faces.detector import Detections
from macbdf_mm.prepare.faces.link_detections import link_detections
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


def test_nothing_seen_gives_nothing():
    assert link_detections([0, 1], [see(), see()]) == []
    assert link_detections([], []) == []
