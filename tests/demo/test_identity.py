import numpy as np

from demo.identity import draw_identity


def test_same_seed_gives_same_person_and_another_seed_another():
    first, again, other = (draw_identity(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.face != other.face
    assert first.voice != other.voice


def test_traits_stay_in_human_ranges():
    for seed in range(50):
        person = draw_identity(np.random.default_rng(seed))
        assert 70 < person.voice.pitch_hz < 300
        assert 0.8 < person.voice.tract_scale < 1.3
        assert all(0 < channel < 1 for channel in person.face.skin + person.face.hair)
        # Mouth and eyes lie inside the head.
        assert person.face.mouth_height < 0.7 * person.face.head_height
        assert person.face.eye_spacing + person.face.eye_size < person.face.head_width
