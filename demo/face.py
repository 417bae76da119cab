"""The face over time: mouth and jaw follow the articulation, the head moves, the eyes blink."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from demo.articulation import FPS, Articulation
from demo.identity import FaceTraits
from demo.portrait import CANVAS, CENTRE, paint_backdrop, paint_head
from demo.scene import Scene
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise

# cv2 takes polygon corners as integers with this many binary places.
_SHIFT = 4
_JAW_DROP = 0.055
"""How far a fully dropped jaw moves the chin, in head units."""


@dataclass(frozen=True)
class _Motion:
    """One value per frame, each of shape (T,)."""

    aperture: npt.NDArray[Any]
    width: npt.NDArray[Any]
    jaw: npt.NDArray[Any]
    eyelid: npt.NDArray[Any]
    gaze: npt.NDArray[Any]  # (2, T)
    pose: npt.NDArray[Any]  # (4, T): x, y, angle, size
    exposure: npt.NDArray[Any]


def render_face(
    articulation: Articulation,
    face: FaceTraits,
    scene: Scene,
    rng: np.random.Generator,
    size: int = 128,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the talking head: frames, the boxes of its face and of its mouth.

    One frame for each 1 / ``FPS`` seconds of the articulation: RGB, shape (T, size, size, 3).
    Boxes are left, top, right, bottom in pixels, shape (T, 4).
    """
    num_frames = round(articulation.duration_seconds * FPS)
    motion = _draw_motion(articulation, scene, rng, num_frames)
    head = paint_head(face)
    backdrop = paint_backdrop(scene, face, size)
    light = _light_field(scene, size)
    frames = np.empty((num_frames, size, size, 3), np.uint8)
    face_boxes = np.empty((num_frames, 4), np.float32)
    mouth_boxes = np.empty((num_frames, 4), np.float32)
    for index in range(num_frames):
        canvas = _drop_jaw(head, face, motion.jaw[index])
        _draw_eyes(canvas, face, motion.eyelid[index], motion.gaze[:, index])
        _draw_mouth(canvas, face, motion, index)
        placement = _placement(scene, motion.pose[:, index], size)
        warped = cv2.warpAffine(canvas, placement, (size, size), flags=cv2.INTER_LINEAR)
        alpha = warped[..., 3:].astype(np.float32) / 255
        picture = backdrop * 255 * (1 - alpha) + warped[..., :3] * alpha
        picture *= light * motion.exposure[index]
        frames[index] = _capture(picture, scene, rng)
        face_boxes[index] = _warp_box(_face_corners(face), placement)
        mouth_boxes[index] = _warp_box(_mouth_corners(face, motion.jaw[index]), placement)
    return frames, face_boxes, mouth_boxes


def _draw_motion(
    articulation: Articulation, scene: Scene, rng: np.random.Generator, num_frames: int
) -> _Motion:
    times = (np.arange(num_frames) + 0.5) / FPS
    aperture = articulation.at_times(articulation.aperture, times)
    scales = np.array([0.012, 0.008, 2.2, 0.012])[:, None] * scene.motion
    pose = scales * draw_smooth_noise(rng, num_frames, 0.35 * FPS, 4)
    jaw = articulation.at_times(articulation.jaw, times)
    pose[1] += 0.006 * scene.motion * jaw  # heads nod on stressed syllables
    return _Motion(
        aperture=aperture,
        width=articulation.at_times(articulation.width, times),
        jaw=jaw,
        eyelid=_draw_blinks(rng, times),
        gaze=0.25 * draw_smooth_noise(rng, num_frames, 0.2 * FPS, 2),
        pose=pose.astype(np.float32),
        exposure=1 + scene.exposure_drift * draw_smooth_noise(rng, num_frames, 0.3 * FPS)[0],
    )


def _draw_blinks(rng: np.random.Generator, times: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return how far the eyes are open in [0, 1]: a blink of 0.2 s every two to five seconds."""
    open_share = np.ones(len(times))
    blink = rng.uniform(-1.0, 3.0)
    while blink < times[-1] + 0.2:
        open_share *= 1 - np.exp(-0.5 * ((times - blink) / 0.06) ** 2)
        blink += rng.uniform(1.6, 4.5)
    return open_share


def _drop_jaw(head: npt.NDArray[np.uint8], face: FaceTraits, jaw: float) -> npt.NDArray[np.uint8]:
    """Return a copy of the head whose part below the upper lip is stretched downwards."""
    rows = np.arange(CANVAS, dtype=np.float32)
    start = CENTRE[1] + (face.mouth_height - 0.02) * CANVAS
    end = CENTRE[1] + face.head_height * CANVAS
    share = ((rows - start) / (end - start)).clip(0, 1)
    source = (rows - jaw * _JAW_DROP * CANVAS * share**0.8)[:, None]
    # A remap along one axis only: blend whole rows, which is several times faster than cv2.remap.
    low = np.floor(source).clip(0, CANVAS - 2)
    weight = ((source - low).clip(0, 1) * 256).astype(np.uint16)[..., None]
    index = low[:, 0].astype(np.int64)
    first = int(start)
    result = head.copy()
    lower = head[index[first:]].astype(np.uint16) * (256 - weight[first:])
    lower += head[index[first:] + 1].astype(np.uint16) * weight[first:]
    result[first:] = (lower >> 8).astype(np.uint8)
    return result


def _draw_eyes(
    canvas: npt.NDArray[np.uint8],
    face: FaceTraits,
    eyelid: float,
    gaze: npt.NDArray[Any],
) -> None:
    """Draw both eyes in place; ``eyelid`` is the open share."""
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    half_height = max(0.06, eyelid) * 0.46 * face.eye_size
    dark = _pixel_colour(face.skin, 0.35)
    for side in (-1, 1):
        x = side * face.eye_spacing + face.eye_size * np.cos(angles)
        y = face.eye_height + half_height * np.sin(angles) * (1 - 0.25 * np.cos(angles) ** 2)
        outline = _fixed_point(x, y)
        eye = canvas.copy() if eyelid > 0.15 else None
        if eye is not None:
            cv2.fillPoly(eye, [outline], (228, 224, 220, 255), cv2.LINE_AA, _SHIFT)
            centre = _fixed_point(
                side * face.eye_spacing + 0.3 * face.eye_size * gaze[0],
                face.eye_height + 0.15 * face.eye_size * gaze[1],
            )
            radius = 0.44 * face.eye_size * CANVAS
            _disc(eye, centre, radius, _pixel_colour(face.iris, 1.0))
            _disc(eye, centre, 0.48 * radius, (12, 10, 10, 255))
            _disc(eye, centre + np.array([-30, -30]), 0.16 * radius, (245, 245, 245, 255))
            _copy_inside(canvas, eye, outline)
        upper = outline[len(angles) // 2 :] if eyelid > 0.15 else outline
        cv2.polylines(canvas, [upper], False, dark, 2, cv2.LINE_AA, _SHIFT)


def _copy_inside(
    canvas: npt.NDArray[np.uint8], drawn: npt.NDArray[np.uint8], outline: npt.NDArray[np.int32]
) -> None:
    """Copy what lies inside the outline from ``drawn`` to ``canvas``."""
    left, top = (outline.min(axis=0) >> _SHIFT) - 2
    right, bottom = (outline.max(axis=0) >> _SHIFT) + 3
    mask = np.zeros((bottom - top, right - left), np.uint8)
    offset = np.array([left, top], np.int32) << _SHIFT
    cv2.fillPoly(mask, [outline - offset], 255, cv2.LINE_AA, _SHIFT)
    share = mask[..., None].astype(np.float32) / 255
    area = canvas[top:bottom, left:right]
    area[:] = (area * (1 - share) + drawn[top:bottom, left:right] * share).astype(np.uint8)


def _draw_mouth(
    canvas: npt.NDArray[np.uint8], face: FaceTraits, motion: _Motion, index: int
) -> None:
    """Draw lips, the inside of the mouth, teeth and tongue in place."""
    aperture = float(motion.aperture[index])
    half_width = face.mouth_width * (1 + 0.16 * float(motion.width[index]) - 0.08 * aperture)
    gap = 0.092 * aperture
    lip = face.lip_thickness
    top = face.mouth_height - 0.12 * gap
    bottom = face.mouth_height + 0.88 * gap
    along = np.linspace(-1, 1, 17)
    arch = (1 - along**2) ** 0.75
    bow = 1 - 0.35 * np.exp(-((along / 0.16) ** 2))  # the dip of the upper lip
    middle = face.mouth_height + 0.3 * gap
    inner_top = middle + (top - middle) * arch
    inner_bottom = middle + (bottom - middle) * arch
    x = half_width * along
    outer = _ring(x * 1.06, inner_top - lip * arch * bow, inner_bottom + 1.25 * lip * arch)
    cv2.fillPoly(canvas, [outer], _pixel_colour(face.lips, 0.92), cv2.LINE_AA, _SHIFT)
    shine = _fixed_point(x[4:13], inner_bottom[4:13] + 0.55 * lip)
    cv2.polylines(canvas, [shine], False, _pixel_colour(face.lips, 1.15), 2, cv2.LINE_AA, _SHIFT)
    inner = _ring(x, inner_top, inner_bottom)
    dark = (38, 14, 14, 255)
    if gap < 0.006:
        line = _fixed_point(x, inner_top)
        cv2.polylines(canvas, [line], False, _pixel_colour(face.lips, 0.45), 2, cv2.LINE_AA, _SHIFT)
        return
    inside = canvas.copy()
    cv2.fillPoly(inside, [inner], dark, cv2.LINE_AA, _SHIFT)
    tongue = _ring(0.7 * x, bottom - 0.45 * gap * arch, bottom + 0.1 * gap * arch)
    cv2.fillPoly(inside, [tongue], (150, 74, 74, 255), cv2.LINE_AA, _SHIFT)
    teeth = _ring(0.82 * x, inner_top - 0.01, np.minimum(inner_top + 0.02, middle + 0.2 * gap))
    cv2.fillPoly(inside, [teeth], (214, 206, 192, 255), cv2.LINE_AA, _SHIFT)
    _copy_inside(canvas, inside, inner)


def _ring(x: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> npt.NDArray[np.int32]:
    """Return a closed outline along the upper edge and back along the lower."""
    return _fixed_point(np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]]))


def _disc(
    canvas: npt.NDArray[np.uint8], centre: npt.NDArray[np.int32], radius: float, colour: tuple
) -> None:
    x, y = np.ravel(centre)
    scaled = max(1, round(radius * (1 << _SHIFT)))
    cv2.circle(canvas, (int(x), int(y)), scaled, colour, -1, cv2.LINE_AA, _SHIFT)


def _fixed_point(x: np.ndarray | float, y: np.ndarray | float) -> npt.NDArray[np.int32]:
    """Return head units as canvas pixels in cv2's fixed point, shape (N, 2)."""
    points = np.stack(np.broadcast_arrays(x, y), axis=-1) * CANVAS + np.array(CENTRE)
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def _pixel_colour(colour: tuple[float, float, float], gain: float) -> tuple[float, ...]:
    return (*(min(255.0, 255 * gain * value) for value in colour), 255)


def _placement(scene: Scene, pose: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return the affine map from canvas to frame, shape (2, 3)."""
    shift_x, shift_y, angle, growth = (float(value) for value in pose)
    scale = scene.head_scale * (1 + growth) * size / CANVAS
    matrix = cv2.getRotationMatrix2D(CENTRE, angle, scale)
    matrix[0, 2] += size * (0.5 + scene.head_offset[0] + shift_x) - CENTRE[0]
    matrix[1, 2] += size * (0.48 + scene.head_offset[1] + shift_y) - CENTRE[1]
    return matrix


def _light_field(scene: Scene, size: int) -> npt.NDArray[Any]:
    """Return the gain of each pixel and channel, shape (size, size, 3)."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    slope = np.cos(scene.light_angle) * axis[None, :] + np.sin(scene.light_angle) * axis[:, None]
    gain = 1 + 0.5 * scene.light_contrast * slope
    return (gain[..., None] * np.array(scene.light, np.float32)).astype(np.float32)


def _capture(
    picture: npt.NDArray[Any], scene: Scene, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return what the sensor makes of the light: blur of the lens, noise, eight bits."""
    blur = scene.focus_blur * len(picture) / 128
    if blur > 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    return (picture + scene.sensor_noise * noise + 0.5).clip(0, 255).astype(np.uint8)


def _face_corners(face: FaceTraits) -> npt.NDArray[Any]:
    half = 0.92 * face.head_width
    return _corners(-half, -0.72 * face.head_height, half, 1.02 * face.head_height)


def _mouth_corners(face: FaceTraits, jaw: float) -> npt.NDArray[Any]:
    half = 1.25 * face.mouth_width
    top = face.mouth_height - 0.05
    return _corners(-half, top, half, face.mouth_height + 0.075 + 0.5 * _JAW_DROP * float(jaw))


def _corners(left: float, top: float, right: float, bottom: float) -> npt.NDArray[Any]:
    points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return points * CANVAS + np.array(CENTRE)


def _warp_box(corners: npt.NDArray[Any], placement: npt.NDArray[Any]) -> npt.NDArray[Any]:
    points = corners @ placement[:, :2].T + placement[:, 2]
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
