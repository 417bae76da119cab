"""Reading the sound of a span, by timestamps: decoded, mixed down, at the wanted sample rate."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.limits import is_usual_sample_rate
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import to_seconds
from macbdf_mm.media.sample_positions import MAX_JITTER_SECONDS, SampleClock, place_frames
from macbdf_mm.media.tracks import Track

# How long before a moment these decoders have to start, for the sound to be what a decode of the
# whole track gives: they hold overlaps, a bit reservoir (MP3) or filters (Opus).
_SETTLING_SECONDS = {
    **dict.fromkeys(("mp3float", "mp3", "opus", "libopus"), 0.5),
    **dict.fromkeys(("vorbis", "libvorbis"), 0.3),
}
_SETTLING_OF_PCM_SECONDS = 0.1
# All others are decoded from the first packet on: AAC, AC-3, WMA and MP2 make noise by random
# numbers that never begin anew, and where packets of FLAC or PCM lie is only known from the start
# if times are rounded. That far into a track, it would take too long.
_MAX_LEAD_SECONDS = 60.0
# Further on, spans are decoded from a little before the multiple of this: those in between then
# begin with the same noise, and can be read in one walk.
_PART_SECONDS = 20.0
_SETTLING_BEHIND_SECONDS = 1.0
# The lengths of frames are multiples of these; a span alone might not show it.
_STEPS = {"vorbis": 64, "libvorbis": 64}
# Read on both sides of the span, so that the resampling filter does not see an edge.
_MARGIN_SECONDS = 0.02
# Full scale is 1, which lossy coding overshoots by a little; what decodes from damaged bytes
# reaches a million.
_MAX_LEVEL = 4.0
# Sample formats of mono sound that numpy converts alone, to the bit as FFmpeg does.
_FULL_SCALES = {"s16": 2**15, "s16p": 2**15, "s32": 2**31, "s32p": 2**31, "flt": 1, "fltp": 1}


def read_waveform(
    file: MediaFile,
    span_seconds: tuple[float, float],
    sample_rate: int,
    walk: "SoundWalk | None" = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the sound of a span, mono at ``sample_rate``.

    Args:
        file: The file; where it has no sound there are zeros.
        span_seconds: Start and end; zero is the first frame, or where the sound of a file
            without video begins.
        sample_rate: In Hz.
        walk: Frames that were decoded for spans before, which are not decoded again.

    Returns:
        PCM, shape (S,) with S = round(span * sample_rate), float32, and whether each
        sample exists, shape (S,).
    """
    start, end = span_seconds
    num_samples = round((end - start) * sample_rate)
    if file.audio is None:
        return np.zeros(num_samples, np.float32), np.zeros(num_samples, np.bool_)
    native_hz = file.audio.sample_rate
    origin = start - _MARGIN_SECONDS
    length = end - start + 2 * _MARGIN_SECONDS
    samples, known = _native_samples(file, file.audio, origin, round(length * native_hz), walk)
    first = round(_MARGIN_SECONDS * sample_rate)
    waveform = resample(samples, native_hz, sample_rate)[first : first + num_samples]
    waveform = np.pad(waveform, (0, num_samples - len(waveform)))
    nearest = (np.arange(num_samples) + first) * native_hz // sample_rate
    valid = known[nearest.clip(max=len(known) - 1)]
    return np.where(valid, waveform, np.float32(0.0)), valid


@dataclass
class HeardFrame:
    """A decoded frame of sound.

    Attributes:
        decoded: The frame; None where it was only needed for what came after it.
        seconds: When it begins by its own word, on the file's clock; None where it does not say.
        num_samples: How many samples it has.
        sample_rate: Of these, in Hz.
        stated_seconds: How long it lasts by its own word, 0 where it does not say.
    """

    decoded: av.AudioFrame | None
    seconds: float | None
    num_samples: int
    sample_rate: int
    stated_seconds: float


class SoundWalk:
    """The frames of sound from one place on, each decoded once, for spans that follow each other.

    Args:
        file: A file with sound; nothing else is read from it meanwhile.
        start_seconds: Where it begins, on the file's clock; None for the start of the track.
    """

    def __init__(self, file: MediaFile, start_seconds: float | None) -> None:
        if file.audio is None:
            raise ValueError(f"{file.path} has no sound.")
        self.start_seconds = start_seconds
        self._rate = file.audio.sample_rate
        self._known: list[HeardFrame] = []
        self._coming = _frames_from(file, file.audio, start_seconds, math.inf)

    def __iter__(self) -> Iterator[HeardFrame]:
        """Yield all frames from the first on."""
        yield from self._known
        for frame in self._coming:
            self._known.append(frame)
            yield frame

    def forget_before(self, seconds: float) -> None:
        """Give back the sound, though not the times, of frames that end before a moment."""
        for frame in self._known:
            # At another rate, what a frame is mixed to depends on those before it.
            if frame.seconds is None or frame.sample_rate != self._rate:
                continue
            if frame.seconds + frame.num_samples / self._rate < seconds - MAX_JITTER_SECONDS:
                frame.decoded = None


class SoundReader:
    """Reads the sound of spans that follow each other; a part that they share is decoded once.

    Args:
        path: The file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If the file is empty or no audio or video file.
    """

    def __init__(self, path: Path) -> None:
        self._file = MediaFile(path)
        self._walk: SoundWalk | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(
        self, span_seconds: tuple[float, float], sample_rate: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], int]:
        """Return what :func:`read_waveform` does, and how many packets are damaged.

        Args:
            span_seconds: Start and end, not before those of the span before.
            sample_rate: In Hz.
        """
        walk = self._walk_to(span_seconds[0])
        num_damaged = self._file.num_damaged
        waveform, valid = read_waveform(self._file, span_seconds, sample_rate, walk)
        return waveform, valid, self._file.num_damaged - num_damaged

    def _walk_to(self, start_seconds: float) -> SoundWalk | None:
        """Return the walk in which a moment lies; None where a span needs none."""
        audio = self._file.audio
        if audio is None:
            return None
        origin = start_seconds - _MARGIN_SECONDS + self._file.zero_seconds
        clock = _sample_clock(self._file, audio, origin)
        start = _decoded_from(audio, origin, clock)
        if start is not None and _settling_seconds(audio, clock) is not None:
            self._walk = None
        elif self._walk is None or self._walk.start_seconds != start:
            if self._walk is not None:
                # Only a decoder that has done nothing yet makes the noise of this part.
                self._file.close()
                self._file = MediaFile(self._file.path)
            self._walk = SoundWalk(self._file, start)
        else:
            self._walk.forget_before(origin)
        return self._walk


def _native_samples(
    file: MediaFile,
    audio: Track,
    origin_seconds: float,
    num_samples: int,
    walk: SoundWalk | None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return mono samples at the track's rate from a moment on, and which of them exist."""
    rate = audio.sample_rate
    origin = origin_seconds + file.zero_seconds
    clock = _sample_clock(file, audio, origin)
    mixer = MonoMixer(rate)
    stated: list[float | None] = []
    pieces: list[npt.NDArray[np.float32] | None] = []
    lengths: list[int] = []
    is_cut: list[bool] = []
    about, num_mixed = 0.0, 0
    frames: Iterable[HeardFrame] = walk or _frames_from(
        file, audio, _decoded_from(audio, origin, clock), origin + num_samples / rate
    )
    for frame in frames:
        start = None if frame.seconds is None else (frame.seconds - origin) * rate
        about = about if start is None else start
        # Damaged times may stay in the span for the rest of the file.
        if about >= num_samples + clock.max_jitter or num_mixed > 4 * (num_samples + rate):
            break
        # What the decoder only needs to settle is not mixed.
        is_near = about + frame.num_samples > -clock.max_jitter
        piece = None
        if frame.decoded is not None and (is_near or frame.sample_rate != rate):
            piece = mixer.mix(frame.decoded)
        num_mixed += 0 if piece is None else min(len(piece), num_samples)
        stated.append(start)
        pieces.append(piece)
        lengths.append(frame.num_samples if piece is None else len(piece))
        stated_length = round(frame.stated_seconds * rate)
        is_cut.append(0 < stated_length < lengths[-1] - clock.max_rounding)
        about += lengths[-1]
    # Encoders fill up the last frame with zeros, and the container says what of it was recorded.
    # Where other frames state too little as well, it is their word that is wrong.
    if sum(is_cut) == 1 and is_cut[-1] and pieces[-1] is not None:
        pieces[-1] = pieces[-1][:stated_length]
    file.count_damage(origin, origin + num_samples / rate, 0)
    samples = np.zeros(num_samples, np.float32)
    known = np.zeros(num_samples, np.bool_)
    for first, piece in zip(place_frames(stated, lengths, clock), pieces, strict=True):
        if piece is None:
            continue
        low, high = max(0, first), min(num_samples, first + len(piece))
        if high > low and is_plausible(piece):
            samples[low:high] = piece[low - first : high - first]
            known[low:high] = True
    return samples, known


def _decoded_from(audio: Track, from_seconds: float, clock: SampleClock) -> float | None:
    """Return from where a track has to be decoded for the sound from a moment on to be right.

    None is its start.
    """
    settling = _settling_seconds(audio, clock)
    lead = from_seconds - audio.first_seconds
    if lead <= (_MAX_LEAD_SECONDS if settling is None else settling):
        return None
    if settling is None:
        part = audio.first_seconds + lead // _PART_SECONDS * _PART_SECONDS
        return part - _SETTLING_BEHIND_SECONDS
    return from_seconds - settling


def _frames_from(
    file: MediaFile, audio: Track, from_seconds: float | None, until_seconds: float
) -> Iterator[HeardFrame]:
    """Yield the decoded frames of a track; from its start if ``from_seconds`` is None."""
    if from_seconds is None:
        frames = file.decode_from_start(audio, until_seconds)
    else:
        frames = file.decode_from(audio, from_seconds, until_seconds)
    for frame in frames:
        yield HeardFrame(
            decoded=frame,
            seconds=file.seconds_of(frame),
            num_samples=frame.samples,
            sample_rate=frame.sample_rate,
            stated_seconds=to_seconds(frame.duration, frame.time_base) or 0.0,
        )


def _settling_seconds(audio: Track, clock: SampleClock) -> float | None:
    """Return how long before a moment decoding has to begin; None if at the start of the track."""
    if _is_pcm(audio) and clock.is_exact:
        return _SETTLING_OF_PCM_SECONDS
    return _SETTLING_SECONDS.get(audio.codec)


def _is_pcm(audio: Track) -> bool:
    return audio.codec.startswith("pcm_")


def _sample_clock(file: MediaFile, audio: Track, origin: float) -> SampleClock:
    """Return how a track states where its frames lie, counted from a moment on."""
    first = audio.first_frame
    return SampleClock(
        rate=audio.sample_rate,
        time_base=file.stream(audio).time_base,
        first_start=(audio.first_seconds - origin) * audio.sample_rate,
        first_end=(audio.first_seconds - origin) * audio.sample_rate + first.samples,
        step=None if _is_pcm(audio) else _STEPS.get(audio.codec, 0),
    )


def resample(
    waveform: npt.NDArray[np.float32], from_hz: int, to_hz: int
) -> npt.NDArray[np.float32]:
    """Return the waveform at another sample rate, shape (round(S * to_hz / from_hz),).

    Band-limited (FFmpeg's swresample) and without delay: sample k lies at ``k / to_hz``.

    Args:
        waveform: Mono PCM, shape (S,), float32.
        from_hz: Its sample rate.
        to_hz: The wanted one.

    Raises:
        ValueError: If a rate is not positive.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise ArgumentError(f"Expected `from_hz` and `to_hz` > 0, got {from_hz} and {to_hz}.")
    if from_hz == to_hz or not len(waveform):
        return waveform.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(waveform, dtype=np.float32)[None], format="fltp", layout="mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = from_hz, 0, Fraction(1, from_hz)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_hz)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    samples = np.concatenate(
        [np.zeros(0, np.float32), *(piece.to_ndarray()[0] for piece in pieces)]
    )
    wanted = round(len(waveform) * to_hz / from_hz)
    return np.pad(samples[:wanted], (0, max(0, wanted - len(samples))))


def is_plausible(samples: npt.NDArray[np.float32]) -> bool:
    """Return whether decoded samples can be sound: no NaN, and at most 12 dB over full scale."""
    return bool(np.abs(samples).max(initial=0.0) <= _MAX_LEVEL)


class MonoMixer:
    """Mixes decoded frames down to mono float32 at one sample rate.

    FFmpeg's matrices, in which 5.1 keeps the dialogue of its centre, scaled such that the
    same sound on all channels keeps its level: a clip is not louder for being in stereo. A
    stream may change its layout or rate on the way; each kind of frame has its own mixer.

    Args:
        sample_rate: Of the result, in Hz. Frames at this rate are mixed without delay.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._mixers: dict[tuple[str, str, int], tuple[av.AudioResampler, np.float32]] = {}

    def mix(self, frame: av.AudioFrame) -> npt.NDArray[np.float32]:
        """Return the samples of a frame, shape (S,), float32, nominally in [-1, 1]."""
        if not is_usual_sample_rate(frame.sample_rate):
            # Damaged on the way: at another rate it would be gigabytes of samples, or none.
            return np.zeros(0, np.float32)
        full_scale = _FULL_SCALES.get(frame.format.name)
        if full_scale and frame.layout.nb_channels == 1 and frame.sample_rate == self.sample_rate:
            # Nothing to mix: FFmpeg's filter graph would take ten times as long for it.
            return frame.to_ndarray()[0].astype(np.float32) / np.float32(full_scale)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._mixers:
            mixer = av.AudioResampler(format="fltp", layout="mono", rate=self.sample_rate)
            self._mixers[kind] = (mixer, _mono_gain(frame.layout))
        mixer, gain = self._mixers[kind]
        # The filter graph would fill gaps in time; where a frame belongs is decided elsewhere.
        frame.pts = None
        pieces = [piece.to_ndarray()[0] for piece in mixer.resample(frame)]
        mono = np.concatenate([np.zeros(0, np.float32), *pieces])
        return (mono / gain).astype(np.float32, copy=False)


def _mono_gain(layout: av.AudioLayout) -> np.float32:
    """Return how loud FFmpeg's mix makes a 1 on all channels."""
    if layout.nb_channels == 1:
        return np.float32(1.0)
    # Interleaved: PyAV cannot fill the planes of more than eight channels.
    ones = np.ones((1, layout.nb_channels * 16), np.float32)
    frame = av.AudioFrame.from_ndarray(ones, format="flt", layout=layout.name)
    frame.sample_rate = 16_000
    mixer = av.AudioResampler(format="fltp", layout="mono", rate=16_000)
    return np.float32(mixer.resample(frame)[0].to_ndarray()[0, 0])
