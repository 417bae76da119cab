import numpy as np

from macbdf_mm.registry import FACE_DETECTORS, build_part


def test_a_detector_of_ones_own_is_built_by_its_name(blue_screen_detector):
    detector = build_part(FACE_DETECTORS, dict(type="BlueScreenDetector", min_side=5))
    assert isinstance(detector, blue_screen_detector)
    images = np.broadcast_to(np.array([20, 20, 235], np.uint8), (2, 60, 80, 3)).copy()
    images[1, 10:30, 20:50] = 128
    nothing, one = detector.detect(images)
    assert nothing.boxes.shape == (0, 4)
    assert one.boxes.tolist() == [[20, 10, 50, 30]]
    assert one.scores.shape == (1,)
