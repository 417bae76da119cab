import base64

import cv2
import numpy as np

from macbdf_mm.reports.figures.encoded_pictures import heat_url, photo_url


def _read(url, kind):
    head, _, code = url.partition(",")
    assert head == f"data:image/{kind};base64"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(code), np.uint8), cv2.IMREAD_COLOR)
    return picture[..., ::-1]


def test_a_photo_keeps_its_colours():
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :] = (220, 30, 40)
    np.testing.assert_allclose(_read(photo_url(image), "jpeg"), image, atol=12)


def test_heat_is_brighter_for_more_and_has_its_first_row_at_the_bottom():
    picture = _read(heat_url(np.array([[0.0, 5.0], [10.0, 20.0]]), 0.0, 10.0, "gray"), "png")
    assert picture[..., 0].tolist() == [[255, 255], [0, 128]]


def test_what_is_not_there_is_grey():
    picture = _read(heat_url(np.array([[np.nan, 1.0]]), 0.0, 1.0), "png")
    assert picture[0, 0].tolist() == [128, 128, 128]
