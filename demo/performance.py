"""A rendered performance: one person speaking in one scene, seen and heard in sync."""

from dataclasses import dataclass, replace

import numpy as np

from demo.articulation import Articulation, draw_articulation
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
    identity: Identity,
    duration_seconds: float,
    rng: np.random.Generator,
    *,
    fps: float = 25.0,
    sample_rate: int = 16_000,
    size: int = 128,
) -> Performance:
    """Return a person saying something somewhere, frames of ``size`` x ``size`` pixels."""
    scene = draw_scene(rng)
    articulation = draw_articulation(rng, duration_seconds, identity.voice.syllables_per_second)
    speech = synthesise_voice(articulation, identity.voice, rng, sample_rate)
    video = render_face(articulation, identity.face, scene, rng, fps=fps, size=size)
    clip = Clip(
        frames=video.frames,
        waveform=record_sound(speech, scene, rng, sample_rate),
        fps=fps,
        sample_rate=sample_rate,
        face_boxes=video.face_boxes,
        mouth_boxes=video.mouth_boxes,
    )
    return Performance(clip, identity, scene, articulation)


def say_something_else(performance: Performance, rng: np.random.Generator) -> Clip:
    """Return the same picture with other words of the same voice, recorded in the same room."""
    voice = performance.identity.voice
    articulation = draw_articulation(
        rng, performance.articulation.duration_seconds, voice.syllables_per_second
    )
    rate = performance.clip.sample_rate
    speech = synthesise_voice(articulation, voice, rng, rate)
    return replace(performance.clip, waveform=record_sound(speech, performance.scene, rng, rate))
