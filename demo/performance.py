"""A rendered performance: one person speaking in one scene, seen and heard in sync."""

from dataclasses import dataclass, replace

import numpy as np

from demo.articulation import FPS, SAMPLE_RATE, Articulation, draw_articulation
from demo.face import render_face
from demo.identity import Identity
from demo.scene import Scene, draw_scene, record_sound
from demo.voice import synthesise_voice
from macbdf_mm.datasets.forgery.clip import Clip


@dataclass(frozen=True)
class Performance:
    """A clip and what it was rendered from."""

    clip: Clip
    identity: Identity
    scene: Scene
    articulation: Articulation


def render_performance(
    identity: Identity, duration_seconds: float, rng: np.random.Generator, size: int = 128
) -> Performance:
    """Return a person saying something somewhere, frames of ``size`` x ``size`` pixels."""
    scene = draw_scene(rng)
    articulation = draw_articulation(rng, duration_seconds, identity.voice.syllables_per_second)
    speech = synthesise_voice(articulation, identity.voice, rng)
    frames, *boxes = render_face(articulation, identity.face, scene, rng, size)
    clip = Clip(frames, record_sound(speech, scene, rng), FPS, SAMPLE_RATE, *boxes)
    return Performance(clip, identity, scene, articulation)


def say_something_else(performance: Performance, rng: np.random.Generator) -> Clip:
    """Return the same picture with other words of the same voice, recorded in the same room."""
    voice = performance.identity.voice
    duration_seconds = performance.articulation.duration_seconds
    articulation = draw_articulation(rng, duration_seconds, voice.syllables_per_second)
    speech = synthesise_voice(articulation, voice, rng)
    return replace(performance.clip, waveform=record_sound(speech, performance.scene, rng))
