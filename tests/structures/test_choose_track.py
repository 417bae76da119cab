import numpy as np

from macbdf_mm.structures.choose_track import choose_track
from macbdf_mm.structures.face_track import FaceTrack


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
