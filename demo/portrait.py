"""The parts of a picture that do not change over a clip: head, body and background."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from demo.identity import Colour, FaceTraits
from demo.scene import Scene

CANVAS = 256
"""Side of the square in which a head is drawn, in pixels; traits are in units of it."""
CENTRE = (0.5 * CANVAS, 0.47 * CANVAS)

Image = npt.NDArray[Any]


def paint_head(face: FaceTraits) -> npt.NDArray[np.uint8]:
    """Return a head with closed lips left out and eyes left open, RGBA, shape (256, 256, 4).

    Eyes and mouth are drawn over it frame by frame, see :mod:`.face`.
    """
    rng = np.random.default_rng(face.texture_seed)
    skin_mask = _soft(_fill(_head_outline(face)), 0.8)
    ears = _soft(_fill_ears(face), 0.8)
    hair_back = _soft(_fill(_hair_back_outline(face)), 1.5)
    picture = _hair_texture(face, rng)
    alpha = hair_back
    skin = _paint_skin(face, rng)
    for mask, layer in ((ears, skin * 0.92), (skin_mask, skin)):
        picture = _over(picture, layer, mask)
        alpha = np.maximum(alpha, mask)
    fringe = _soft(_fringe(face), 1.6)
    picture = _over(picture, _hair_texture(face, rng), fringe)
    alpha = np.maximum(alpha, fringe)
    head = np.dstack([picture.clip(0, 1), alpha.clip(0, 1)])
    return np.round(head * 255).astype(np.uint8)


def paint_backdrop(scene: Scene, face: FaceTraits, size: int) -> Image:
    """Return wall and body, RGB in [0, 1], float32, shape (size, size, 3)."""
    rng = np.random.default_rng(scene.background_seed)
    wall = _colour_field(scene.background, size)
    wall *= 1 + 0.16 * _texture(rng, size, 0.25 * size)[..., None]
    wall *= 1 + 0.10 * _texture(rng, size, 0.04 * size)[..., None]
    for _ in range(rng.integers(0, 4)):
        _draw_furniture(wall, rng)
    wall = cv2.GaussianBlur(wall, (0, 0), size * rng.uniform(0.004, 0.03))
    centre = size * (0.5 + scene.head_offset[0])
    shoulders = size * (0.86 + scene.head_offset[1])
    half = size * face.head_width * scene.head_scale
    body = np.zeros((size, size), np.float32)
    cv2.ellipse(
        body, (round(centre), round(shoulders + 0.32 * size)),
        (round(1.75 * half), round(0.36 * size)), 0, 0, 360, 1.0, -1,
    )  # fmt: skip
    cloth = _colour_field(scene.clothes, size) * (1 + 0.12 * _texture(rng, size, 2.0)[..., None])
    wall = _over(wall, cloth, cv2.GaussianBlur(body, (0, 0), 1.0))
    neck = np.zeros((size, size), np.float32)
    cv2.rectangle(
        neck, (round(centre - 0.52 * half), round(0.5 * size)),
        (round(centre + 0.52 * half), round(shoulders)), 1.0, -1,
    )  # fmt: skip
    cv2.ellipse(
        neck, (round(centre), round(shoulders)), (round(0.52 * half), round(0.05 * size)),
        0, 0, 180, 1.0, -1,
    )  # fmt: skip
    shade = _colour_field(face.skin, size) * 0.68
    return _over(wall, shade, cv2.GaussianBlur(neck, (0, 0), 1.0)).clip(0, 1)


def _paint_skin(face: FaceTraits, rng: np.random.Generator) -> Image:
    skin = _colour_field(face.skin, CANVAS)
    x, y = _coordinates(face)
    # Lambert's law on an ellipsoid, softened: the sides of a head turn away.
    skin *= (1.08 - 0.42 * (x**2 + 0.6 * y**2))[..., None].clip(0.4, 1.2)
    skin *= 1 + 0.04 * _texture(rng, CANVAS, 14)[..., None]
    skin *= 1 + 0.035 * _texture(rng, CANVAS, 4)[..., None]
    skin *= 1 + 0.045 * _texture(rng, CANVAS, 1.2)[..., None]
    blush = _blob(x, y, 0.55, 0.30, 0.22) + _blob(x, y, -0.55, 0.30, 0.22)
    skin *= 1 - 0.13 * blush[..., None] * np.array([0.0, 1.0, 0.8], np.float32)
    if face.freckles > 0:
        spots = (_texture(rng, CANVAS, 1.5) > 2.2 - 0.7 * face.freckles).astype(np.float32)
        area = _blob(x, y, 0, 0.25, 0.6)
        skin *= 1 - 0.25 * (_soft(spots, 0.8) * area)[..., None]
    _shade_features(skin, face, x, y)
    if face.beard > 0:
        stubble = (y > 0.42 + 0.25 * (1 - x**2)) | (np.abs(x) > 0.82)
        density = _soft((stubble & (y > 0.1)).astype(np.float32), 6) * face.beard
        density *= (0.85 + 0.3 * _texture(rng, CANVAS, 1.0)).clip(0, 1)
        skin = _over(skin, _colour_field(face.hair, CANVAS), 0.75 * density)
    return skin


def _shade_features(skin: Image, face: FaceTraits, x: Image, y: Image) -> None:
    """Darken and lighten in place: sockets, nose, the groove under the lips, brows."""
    width, height = face.head_width, face.head_height
    eye_x, eye_y = face.eye_spacing / width, face.eye_height / height
    nose_y = face.nose_length / height + eye_y
    shade = 0.20 * (_blob(x, y, eye_x, eye_y, 0.20) + _blob(x, y, -eye_x, eye_y, 0.20))
    nostril = face.nose_width / width
    shade += 0.35 * (_blob(x, y, 0.7 * nostril, nose_y + 0.05, 0.05))
    shade += 0.35 * (_blob(x, y, -0.7 * nostril, nose_y + 0.05, 0.05))
    shade += 0.16 * _blob(x, y, 0.0, nose_y + 0.10, 0.13)
    shade += 0.10 * _blob(x, y, 1.3 * nostril, 0.5 * nose_y, 0.12)
    shade += 0.16 * _blob(x, y, 0.0, face.mouth_height / height + 0.17, 0.11)
    shade -= 0.14 * _blob(x, y, 0.0, 0.6 * nose_y, 0.08) + 0.16 * _blob(x, y, 0, nose_y, 0.08)
    shade -= 0.10 * _blob(x, y, 0.0, -0.55, 0.35)
    skin *= (1 - shade)[..., None]
    brow: Image = np.zeros((CANVAS, CANVAS), np.float32)
    for side in (-1, 1):
        points = []
        for along in np.linspace(-1, 1, 9):
            brow_x = side * face.eye_spacing + side * along * 1.15 * face.eye_size
            bow = -0.012 * (1 - along**2) + face.brow_tilt * 0.05 * along
            points.append((brow_x, face.eye_height - 1.05 * face.eye_size + bow))
        cv2.polylines(
            brow, [to_canvas(points)], False, 1.0,
            max(2, round(face.brow_thickness * CANVAS)), cv2.LINE_AA,
        )  # fmt: skip
    brow = _soft(brow, 1.0) * 0.8
    skin[:] = _over(skin, _colour_field(face.hair, CANVAS) * 0.9, brow)


def to_canvas(points: list[tuple[float, float]]) -> npt.NDArray[np.int32]:
    """Return points of head units, relative to the head's centre, in pixels of the canvas."""
    pixels = np.asarray(points, dtype=np.float64) * CANVAS + np.array(CENTRE)
    return np.round(pixels).astype(np.int32)


def _head_outline(face: FaceTraits) -> npt.NDArray[np.int32]:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    below = np.sin(angles).clip(0, 1)
    x = face.head_width * np.cos(angles) * (1 - face.jaw_taper * below**1.5)
    y = face.head_height * np.sin(angles)
    return to_canvas(list(zip(x, y, strict=True)))


def _hair_back_outline(face: FaceTraits) -> npt.NDArray[np.int32]:
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    reach = np.where(np.sin(angles) > 0, 0.2 + 0.9 * face.hair_length, 1.10)
    x = 1.10 * face.head_width * np.cos(angles)
    y = reach * face.head_height * np.sin(angles)
    return to_canvas(list(zip(x, y, strict=True)))


def _fringe(face: FaceTraits) -> Image:
    """Return the hair in front of the forehead: head and skull above a curved line."""
    x, y = _coordinates(face)
    line = -face.hair_line + 0.22 * (x - face.hair_parting) ** 2 + 0.35 * np.abs(x) ** 3
    skull = (x / 1.08) ** 2 + (y / 1.10) ** 2 < 1
    return (skull & (y < line)).astype(np.float32)


def _fill_ears(face: FaceTraits) -> Image:
    mask = np.zeros((CANVAS, CANVAS), np.float32)
    for side in (-1, 1):
        (centre,) = to_canvas([(side * face.head_width * 0.98, 0.01)])
        cv2.ellipse(mask, [int(v) for v in centre], (8, 17), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return mask


def _hair_texture(face: FaceTraits, rng: np.random.Generator) -> Image:
    strands: Image = rng.standard_normal((CANVAS, CANVAS)).astype(np.float32)
    strands = cv2.GaussianBlur(strands, (0, 0), sigmaX=1.0, sigmaY=9.0)
    strands = strands / strands.std()
    return _colour_field(face.hair, CANVAS) * (1 + 0.22 * strands[..., None]).clip(0.3, 2.0)


def _draw_furniture(wall: Image, rng: np.random.Generator) -> None:
    """Draw a frame, a shelf or a window of random colour onto the wall, in place."""
    size = len(wall)
    left, top = rng.integers(-size // 4, size, 2)
    width, height = rng.integers(size // 8, size // 2, 2)
    colour = tuple(float(v) for v in rng.uniform(0.1, 0.9, 3))
    corner = (int(left + width), int(top + height))
    cv2.rectangle(wall, (int(left), int(top)), corner, colour, -1)


def _coordinates(face: FaceTraits) -> tuple[Image, Image]:
    """Return x and y of each canvas pixel in half widths and half heights of the head."""
    rows, columns = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    x = (columns - CENTRE[0]) / (face.head_width * CANVAS)
    y = (rows - CENTRE[1]) / (face.head_height * CANVAS)
    return x, y


def _blob(x: Image, y: Image, centre_x: float, centre_y: float, radius: float) -> Image:
    return np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))


def _texture(rng: np.random.Generator, size: int, grain: float) -> Image:
    """Return smooth noise of unit variance, shape (size, size)."""
    # Coarse noise is drawn small and enlarged: a wide blur costs more than the rest together.
    shrink = max(1, int(grain / 2))
    small: Image = rng.standard_normal((size // shrink + 2,) * 2).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), max(0.3, grain / shrink))
    texture = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    return texture / max(float(texture.std()), 1e-6)


def _fill(outline: npt.NDArray[np.int32]) -> Image:
    mask = np.zeros((CANVAS, CANVAS), np.float32)
    cv2.fillPoly(mask, [outline], 1.0, cv2.LINE_AA)
    return mask


def _soft(mask: Image, blur: float) -> Image:
    return cv2.GaussianBlur(mask, (0, 0), blur)


def _over(below: Image, above: Image, mask: Image) -> Image:
    return below + mask[..., None] * (above - below)


def _colour_field(colour: Colour, size: int) -> Image:
    return np.tile(np.array(colour, np.float32), (size, size, 1))
