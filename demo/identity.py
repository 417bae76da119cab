"""Who speaks: the traits of a face and of a voice that stay the same over all clips."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class FaceTraits:
    """Shape and colour of a head, in units of the head's own drawing (a unit square)."""

    head_width: float
    head_height: float
    jaw_taper: float
    eye_spacing: float
    eye_size: float
    eye_height: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip_thickness: float
    brow_thickness: float
    brow_tilt: float
    hair_length: float
    hair_line: float
    hair_parting: float
    beard: float
    freckles: float
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    texture_seed: int


@dataclass(frozen=True)
class VoiceTraits:
    """Pitch and timbre of a voice."""

    pitch_hz: float
    pitch_range: float
    tract_scale: float
    """Formants are multiplied by this: below 1 for a longer vocal tract."""
    tilt_hz: float
    """Corner of the low-pass that the glottal source goes through."""
    open_quotient: float
    breathiness: float
    jitter: float
    shimmer: float
    syllables_per_second: float


@dataclass(frozen=True)
class Identity:
    """A person."""

    face: FaceTraits
    voice: VoiceTraits


# Reflectances between which skins are mixed, dark to light, RGB in [0, 1].
_DARK_SKIN = np.array([0.30, 0.19, 0.14])
_LIGHT_SKIN = np.array([0.92, 0.74, 0.63])
_HAIRS = np.array(
    [[0.07, 0.06, 0.06], [0.20, 0.12, 0.07], [0.42, 0.26, 0.13], [0.72, 0.56, 0.32],
     [0.55, 0.55, 0.56], [0.45, 0.17, 0.08]]
)  # fmt: skip
_IRISES = np.array([[0.24, 0.14, 0.08], [0.35, 0.25, 0.12], [0.28, 0.42, 0.55], [0.30, 0.42, 0.28]])


def draw_identity(rng: np.random.Generator) -> Identity:
    """Return a random person."""
    return Identity(_draw_face(rng), _draw_voice(rng))


def _draw_face(rng: np.random.Generator) -> FaceTraits:
    lightness = rng.uniform(0.15, 1.0)
    skin = _DARK_SKIN + lightness * (_LIGHT_SKIN - _DARK_SKIN) + rng.normal(0, 0.02, 3)
    redness = np.array([0.02, -0.13, -0.10]) * rng.uniform(0.6, 1.3) * (0.5 + 0.5 * lightness)
    return FaceTraits(
        head_width=rng.uniform(0.225, 0.265),
        head_height=rng.uniform(0.305, 0.345),
        jaw_taper=rng.uniform(0.08, 0.26),
        eye_spacing=rng.uniform(0.092, 0.110),
        eye_size=rng.uniform(0.042, 0.054),
        eye_height=rng.uniform(-0.055, -0.03),
        nose_length=rng.uniform(0.09, 0.125),
        nose_width=rng.uniform(0.030, 0.048),
        mouth_height=rng.uniform(0.165, 0.195),
        mouth_width=rng.uniform(0.078, 0.102),
        lip_thickness=rng.uniform(0.014, 0.026),
        brow_thickness=rng.uniform(0.008, 0.018),
        brow_tilt=rng.uniform(-0.12, 0.12),
        hair_length=rng.uniform(0.0, 1.0),
        hair_line=rng.uniform(0.55, 0.78),
        hair_parting=rng.uniform(-0.6, 0.6),
        beard=max(0.0, rng.uniform(-1.0, 0.8)),
        freckles=max(0.0, rng.uniform(-0.5, 1.0)),
        skin=_colour(skin),
        lips=_colour(skin + redness),
        hair=_colour(_HAIRS[rng.integers(len(_HAIRS))] + rng.normal(0, 0.02, 3)),
        iris=_colour(_IRISES[rng.integers(len(_IRISES))] + rng.normal(0, 0.02, 3)),
        texture_seed=int(rng.integers(2**31)),
    )


def _draw_voice(rng: np.random.Generator) -> VoiceTraits:
    height = rng.uniform(0.0, 1.0)  # from the lowest voices to the highest
    return VoiceTraits(
        pitch_hz=float(92 * 2 ** (1.25 * height + rng.normal(0, 0.08))),
        pitch_range=rng.uniform(0.10, 0.26),
        tract_scale=0.92 + 0.24 * height + rng.normal(0, 0.02),
        tilt_hz=rng.uniform(900, 2600),
        open_quotient=rng.uniform(0.45, 0.75),
        breathiness=rng.uniform(0.01, 0.08),
        jitter=rng.uniform(0.004, 0.015),
        shimmer=rng.uniform(0.02, 0.10),
        syllables_per_second=rng.uniform(3.4, 5.2),
    )


def _colour(rgb: np.ndarray) -> Colour:
    red, green, blue = np.clip(rgb, 0.02, 0.98)
    return float(red), float(green), float(blue)
