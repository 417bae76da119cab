import numpy as np
import pytest

from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.prepare.faces.find_faces import FoundFaces, TrackingSettings, choose_face, find_faces
from macbdf_mm.structures.face_track import FaceTrack, box_areas

HEAD = 64
WIDTH, HEIGHT = 320, 240


@pytest.fixture
def find(blue_screen_detector):
    def find(path, min_side=10, process=None, **settings):
        detector = blue_screen_detector(min_side)
        return find_faces(path, detector, TrackingSettings(**settings), process)

    return find


def chosen(found):
    (track,) = [track for track in found.tracks if track.chosen]
    return track


def box_of(left, top):
    return np.array([left / WIDTH, top / HEIGHT, (left + HEAD) / WIDTH, (top + HEAD) / HEIGHT])


def test_a_moving_face_is_followed(make_face_clip, find):
    path = make_face_clip(places=[lambda t: (40 + round(60 * t), 50 + round(20 * t))])
    found = find(path)
    assert (found.failure, found.candidates, found.num_frames) == (None, (0,), 10)
    track = chosen(found)
    np.testing.assert_allclose(track.times_seconds, np.arange(10) * 0.2)
    for moment in (0.1, 0.5, 1.3, 1.75):
        boxes, _ = track.boxes_at([moment])
        expected = box_of(40 + 60 * moment, 50 + 20 * moment)
        # Two pixels: the wall's edge is blurred by compression.
        np.testing.assert_allclose(boxes[0], expected, atol=2.5 / HEIGHT)


def test_of_several_faces_the_largest_for_longest_is_chosen_and_all_are_kept(make_face_clip, find):
    path = make_face_clip(
        places=[lambda t: (20, 30), lambda t: (200, 100) if t < 1.0 else None], seconds=2.0
    )
    found = find(path)
    assert len(found.candidates) == len(found.tracks) == 2
    assert chosen(found).boxes[0, 0] == pytest.approx(20 / WIDTH, abs=0.01)
    assert sorted(track.num_detections for track in found.tracks) == [5, 10]


def test_a_face_that_goes_and_comes_back_elsewhere_is_two(make_face_clip, find):
    path = make_face_clip(
        places=[lambda t: (20, 30) if t < 0.8 else (200, 100) if t > 1.0 else None]
    )
    assert len(find(path).tracks) == 2


def test_no_face_is_a_reason(make_face_clip, make_clip, find):
    found = find(make_face_clip(places=[]))
    assert found.tracks == ()
    assert found.failure == "no face in 10 frames looked at"
    sound = make_clip("a.m4a", with_video=False)
    assert find(sound).failure == "the file has no video track"


def test_a_face_seen_briefly_is_a_reason_and_its_track_is_kept(make_face_clip, find):
    path = make_face_clip(places=[lambda t: (20, 30) if t < 0.35 else None])
    found = find(path)
    assert found.failure == "no face is seen for 0.6 s (longest: 0.4)"
    assert [track.chosen for track in found.tracks] == [False]
    assert find(path, min_track_seconds=0.4).failure is None


def test_in_a_short_clip_a_short_track_is_enough(make_face_clip, find):
    assert find(make_face_clip(seconds=0.2)).failure is None


def test_a_small_face_is_a_reason(make_face_clip, find):
    found = find(make_face_clip(), min_face_pixels=80)
    assert found.failure == "all faces are smaller than 80 pixels (the largest: 64)"


def test_a_face_of_the_smallest_size_is_large_enough():
    track = FaceTrack(np.array([0.0, 1.0]), np.array([[0.25, 0.25, 0.5, 0.5]] * 2))
    found = FoundFaces((track,), None, num_frames=5)
    settings = TrackingSettings(min_face_pixels=24)
    assert choose_face(found, (96, 96), settings).failure is None
    assert "the largest: 24" in choose_face(found, (95, 96), settings).failure


def test_what_is_too_small_for_the_first_look_is_found_in_the_second(make_face_clip, find):
    path = make_face_clip(size=(480, 640))
    small = dict(min_side=40, long_side=320)
    found = find(path, retry_long_side=640, **small)
    assert found.failure is None
    side = np.sqrt(box_areas(chosen(found).boxes).mean() * 480 * 640)
    assert side == pytest.approx(HEAD, abs=2)
    assert find(path, retry_long_side=0, **small).failure.startswith("no face")


def test_a_rotated_file_is_looked_at_upright(make_face_clip, find):
    track = chosen(find(make_face_clip(turns=1, places=[lambda t: (30, 100)])))
    np.testing.assert_allclose(track.boxes[3], box_of(30, 100), atol=2.5 / HEIGHT)


def test_times_are_those_of_the_frames_at_a_variable_frame_rate(make_face_clip, find):
    times = np.concatenate([np.arange(10) * 0.04, 0.4 + np.arange(12) * 0.13])
    place = [lambda t: (40 + round(60 * t), 80)]
    path = make_face_clip(places=place, frame_seconds=times)
    track = chosen(find(path, smoothing_seconds=0.0))
    shown = times[np.searchsorted(times, track.times_seconds + 1e-4, side="right") - 1]
    lefts = [round(40 + round(60 * moment)) / WIDTH for moment in shown]
    np.testing.assert_allclose(track.boxes[:, 0], lefts, atol=2.5 / WIDTH)


def test_long_files_are_looked_through_in_pieces(make_face_clip, find):
    found = find(make_face_clip(seconds=2.0), step_seconds=0.04)
    assert found.num_frames == 50
    assert chosen(found).num_detections == 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(step_seconds=0), "`step_seconds` > 0, got 0"),
        (dict(long_side=0), "`long_side` > 0, got 0"),
        (dict(smoothing_seconds=-1), "`smoothing_seconds` >= 0, got -1"),
        (dict(max_gap_seconds=-1), "`max_gap_seconds` >= 0, got -1"),
        (dict(min_track_seconds=-1), "`min_track_seconds` >= 0, got -1"),
        (dict(min_iou=0), r"`min_iou` in \(0, 1\], got 0"),
    ],
)
def test_settings_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        TrackingSettings(**arguments)


def _two_shots(make_face_clip, cut, **options):
    """A head at one place; from the cut on the wall is another, as the head may be."""
    return make_face_clip(
        places=[lambda t: (120, 80)],
        walls=lambda t: (20, 20, 235) if t < cut else (60, 80, 175),
        **options,
    )


def test_all_tracks_end_at_a_cut(make_face_clip, find):
    found = find(_two_shots(make_face_clip, 1.04), max_gap_seconds=2.0)
    # To the picture, although every fifth alone is searched.
    assert found.cuts_seconds == pytest.approx((1.04,), abs=1e-3)
    first, second = found.tracks
    assert first.interval == pytest.approx((0.0, 1.0))
    assert second.interval == pytest.approx((1.2, 1.8))
    assert found.candidates == (0, 1)
    assert found.shot_of(first) == (-np.inf, found.cuts_seconds[0])
    assert found.shot_of(second) == (found.cuts_seconds[0], np.inf)


def test_a_cut_between_two_parts_that_are_read_apart_is_found(make_face_clip, find):
    path = _two_shots(make_face_clip, 1.28)
    assert find(path, step_seconds=0.04).cuts_seconds == pytest.approx((1.28,), abs=1e-3)


def test_a_file_is_decoded_in_another_process_with_the_same_result(make_face_clip, find):
    path = make_face_clip(seconds=1.0)
    here = find(path)
    with DecodingProcess() as process:
        there = find(path, process=process)
    np.testing.assert_array_equal(there.tracks[0].boxes, here.tracks[0].boxes)
