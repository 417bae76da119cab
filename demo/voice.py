"""The voice: a glottal source through moving formants, with turbulence at constrictions."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from demo.articulation import CONTROL_RATE_HZ, SAMPLE_RATE, Articulation
from demo.identity import VoiceTraits
from macbdf_mm.datasets.forgery.smooth_noise import draw_smooth_noise

_FORMANT_BANDWIDTHS_HZ = np.array([70.0, 100.0, 140.0, 220.0])


def synthesise_voice(
    articulation: Articulation,
    voice: VoiceTraits,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Return dry speech of root mean square about 0.1, float32, shape (S,).

    S is the articulation's duration times ``SAMPLE_RATE``, rounded.
    """
    num_samples = round(articulation.duration_seconds * SAMPLE_RATE)
    times = (np.arange(num_samples) + 0.5) / SAMPLE_RATE
    source = _glottal_source(articulation, voice, rng, times)
    source = lfilter([1.0], [1.0, -np.exp(-2 * np.pi * voice.tilt_hz / SAMPLE_RATE)], source)
    source /= max(float(source.std()), 1e-6)
    voicing = articulation.at_times(articulation.voicing, times)
    breath = rng.standard_normal(num_samples)
    excitation = voicing * (source + 4 * voice.breathiness * breath)
    frication = articulation.at_times(articulation.frication, times)
    turbulence = frication * rng.standard_normal(num_samples)

    hop = SAMPLE_RATE // CONTROL_RATE_HZ
    frequencies = np.fft.rfftfreq(_fft_length(hop), 1 / SAMPLE_RATE)
    tract = _tract_response(articulation.formants_hz * voice.tract_scale, frequencies)
    constriction = _constriction_response(articulation.frication_hz, frequencies)
    speech = _filter_over_time(excitation, tract, hop)
    speech /= max(float(speech.std()), 1e-6)
    hiss = _filter_over_time(turbulence, constriction, hop)
    speech = speech + 0.9 * hiss
    return (0.1 * speech / max(float(speech.std()), 1e-6)).astype(np.float32)


def _glottal_source(
    articulation: Articulation,
    voice: VoiceTraits,
    rng: np.random.Generator,
    times: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    """Return the derivative of Rosenberg's glottal flow pulse, shape (S,)."""
    num_steps = len(articulation.pitch)
    jitter = draw_smooth_noise(rng, num_steps, 1.0)[0] * voice.jitter
    pitch = articulation.at_times(voice.pitch_range * articulation.pitch + jitter, times)
    phase = np.cumsum(voice.pitch_hz * 2.0**pitch / SAMPLE_RATE) + rng.uniform()
    shimmer = 1 + voice.shimmer * draw_smooth_noise(rng, num_steps, 1.5)[0]
    position = phase % 1.0
    opening = 0.66 * voice.open_quotient
    closing = voice.open_quotient - opening
    flow = np.where(
        position < opening,
        0.5 * (1 - np.cos(np.pi * position / opening)),
        np.cos(0.5 * np.pi * ((position - opening) / closing).clip(0, 1)),
    )
    return np.gradient(flow) * articulation.at_times(shimmer, times)


def _tract_response(
    formants_hz: npt.NDArray[Any], frequencies: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the cascade of second-order resonances, shape (N, F)."""
    centres = formants_hz[:, :, None]  # (N, 4, 1)
    widths = _FORMANT_BANDWIDTHS_HZ[None, :, None]
    resonances = centres**2 / (
        centres**2 - frequencies[None, None] ** 2 + 1j * frequencies[None, None] * widths
    )
    # The missing higher formants lift the top; without it speech sounds muffled.
    lift = 1 + (frequencies / 3500) ** 2
    return np.prod(resonances, axis=1) * lift


def _constriction_response(
    centres_hz: npt.NDArray[Any], frequencies: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the magnitude of turbulence around its centre, shape (N, F)."""
    return np.exp(-0.5 * ((frequencies[None] - centres_hz[:, None]) / 1100) ** 2)


def _fft_length(hop: int) -> int:
    # A window of four hops, and as much again for the ringing of the resonances.
    return 8 * hop


def _filter_over_time(
    signal: npt.NDArray[Any], responses: npt.NDArray[Any], hop: int
) -> npt.NDArray[Any]:
    """Return the signal, shape (S,), through a filter that changes every ``hop`` samples.

    Args:
        signal: Shape (S,).
        responses: Frequency response of each step, shape (N, F).
        hop: Samples a step.
    """
    window = 0.5 * np.hanning(4 * hop + 1)[:-1]  # four of them add up to one
    num_steps = len(responses)
    padded = np.zeros((num_steps + 8) * hop)
    padded[2 * hop : 2 * hop + len(signal)] = signal[: (num_steps + 6) * hop]
    blocks = np.lib.stride_tricks.sliding_window_view(padded, 4 * hop)[::hop][:num_steps]
    filtered = np.fft.irfft(np.fft.rfft(blocks * window, 8 * hop) * responses, 8 * hop)
    pieces = filtered.reshape(num_steps, 8, hop)
    result = np.zeros((num_steps + 8, hop))
    for shift in range(8):
        result[shift : shift + num_steps] += pieces[:, shift]
    return result.reshape(-1)[2 * hop : 2 * hop + len(signal)]
