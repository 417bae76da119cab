import subprocess
import sys

import numpy as np

from macbdf_mm.prepare.faces.detector import build_detector
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


def test_no_detector_is_built_for_own_boxes():
    assert build_detector(None) is None


def test_looking_up_a_detector_loads_no_torch():
    code = (
        "import sys; from macbdf_mm.prepare.faces.detector import build_detector\n"
        "try: build_detector(dict(type='Nobody'))\n"
        "except ValueError as error: print('MTCNNDetector' in str(error), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"
