import numpy as np

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.mouth_swap import mouth_swap


def test_the_mouth_is_that_of_another_time():
    # A mouth whose lower half tells the time: its contrast grows from frame to frame.
    frames = np.full((50, 80, 80, 3), 120, np.uint8)
    boxes = np.tile(np.float32([30, 45, 50, 60]), (50, 1))
    for index in range(50):
        frames[index, 52:62, 28:52] = 120 - 2 * index
    clip = Clip(frames, np.zeros(32_000, np.float32), mouth_boxes=boxes)
    forged = mouth_swap(clip, (0.0, 2.0), np.random.default_rng(0), strength=0.0)

    def contrast(frame):
        return frame[48:51, 37:43].mean() - frame[55:58, 37:43].mean()

    own = np.array([contrast(frame) for frame in frames])
    swapped = np.array([contrast(frame) for frame in forged])
    scores = [np.corrcoef(np.roll(own, -shift), swapped)[0, 1] for shift in range(50)]
    assert 50 // 4 <= int(np.argmax(scores)) <= 3 * 50 // 4
    assert max(scores) > 0.8
