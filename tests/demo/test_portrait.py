import numpy as np

from demo.identity import draw_identity
from demo.portrait import CANVAS, CENTRE, paint_backdrop, paint_head
from demo.scene import draw_scene


def test_head_is_opaque_in_the_middle_and_transparent_in_the_corners():
    face = draw_identity(np.random.default_rng(0)).face
    head = paint_head(face)
    assert head.shape == (CANVAS, CANVAS, 4)
    assert head.dtype == np.uint8
    assert head[round(CENTRE[1]), round(CENTRE[0]), 3] == 255
    assert head[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() == 0


def test_skin_has_the_persons_colour_and_texture():
    for seed in range(4):
        face = draw_identity(np.random.default_rng(seed)).face
        head = paint_head(face).astype(float) / 255
        cheek = head[118:140, 85:105, :3]
        # Shading and blush darken it, texture scatters it.
        np.testing.assert_allclose(cheek.mean(axis=(0, 1)), face.skin, rtol=0.45)
        assert cheek.std(axis=(0, 1)).min() > 0.005


def test_backdrop_fills_the_frame():
    rng = np.random.default_rng(0)
    face, scene = draw_identity(rng).face, draw_scene(rng)
    backdrop = paint_backdrop(scene, face, 96)
    assert backdrop.shape == (96, 96, 3)
    assert 0 <= backdrop.min() <= backdrop.max() <= 1
    np.testing.assert_array_equal(backdrop, paint_backdrop(scene, face, 96))
