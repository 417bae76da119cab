"""Parts of a span in which there is nothing to judge: blank or frozen pictures, silence, gaps.

The bounds were set on public clips of talking faces, none of which they touch: of these, the
plainest picture had a standard deviation of 21 levels, a picture stood still for 0.16 s, and the
sound, of a synthetic voice, was below -80 dBFS for 0.5 s. A track that begins late or ends
early leaves a part of a span empty, which models have not seen in training: of the demo's real
clips whose sound ended 0.3 or 0.6 s early, more than half were called fake.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MAX_BLANK_STD = 4.0
"""Of the green, in levels of 255: a picture below is of one colour, such as black."""
MIN_BLANK_SECONDS = 0.1
MAX_FROZEN_CHANGE = 0.3
"""Mean change of the green, in levels of 255, in that one of 8 x 8 fields that changes most."""
MIN_FROZEN_SECONDS = 0.4
_MIN_FROZEN_PICTURES = 2.5
SILENCE_DBFS = -80.0
MIN_SILENT_SECONDS = 0.6
# Of a span that is shorter than that.
_SILENT_SHARE = 0.9
# Of a blank or frozen stretch, whose sound is then no more to be judged than the picture.
_MIN_SILENT_SHARE_OF_STRETCH = 0.9
MAX_MISSING_SECONDS = 0.08
"""At the ends of a span, that a track which is there in the rest may lack. Tracks end a frame of
AAC apart, 64 ms at 16 kHz."""
_BLOCK_SECONDS = 0.02
_NUM_FIELDS = 8
_PIXELS_OF_A_FIELD = 16

Bools = npt.NDArray[np.bool_]


def unusable_tracks(
    frames: Sequence[npt.NDArray[np.uint8]],
    frame_valid: Bools,
    waveform: npt.NDArray[np.float32],
    audio_valid: Bools,
    sample_rate: int,
    picture_seconds: float = 0.0,
) -> dict[str, str]:
    """Return why a track of a span cannot be judged.

    That is ``'blank'``, ``'frozen'``, ``'silent'``, or ``'incomplete'`` if it begins late or
    ends early in the span. A track that does not exist is not among them.

    Args:
        frames: T pictures (H, W, 3), RGB, at least 8 x 8, of equal steps of the span.
        frame_valid: Which of them exist, (T,).
        waveform: The sound of the same span, (S,), nominally in [-1, 1].
        audio_valid: Which samples exist, (S,).
        sample_rate: In Hz.
        picture_seconds: How long the file usually shows a picture. A still picture counts as
            frozen only if it could have changed twice in the time.
    """
    found: dict[str, str] = {}
    step_seconds = len(waveform) / sample_rate / len(frames)
    levels = _green(frames)
    blank = _longest_run(frame_valid & (levels.std(axis=(1, 2)) < MAX_BLANK_STD))
    still = _longest_run(_unchanged(levels) & frame_valid[1:] & frame_valid[:-1])
    stretch = slice(0, 0)
    if (blank.stop - blank.start) * step_seconds >= MIN_BLANK_SECONDS:
        found["video"], stretch = "blank", blank
    else:
        least = max(MIN_FROZEN_SECONDS, _MIN_FROZEN_PICTURES * picture_seconds)
        # Of sums of decimal seconds.
        if (still.stop - still.start) * step_seconds >= least - 1e-9:
            found["video"], stretch = "frozen", slice(still.start, still.stop + 1)
    block = round(_BLOCK_SECONDS * sample_rate)
    silent = _silent(waveform, audio_valid, block)
    run = _longest_run(silent)
    enough = min(MIN_SILENT_SECONDS, _SILENT_SHARE * len(waveform) / sample_rate)
    edges = [round(edge * step_seconds / _BLOCK_SECONDS) for edge in (stretch.start, stretch.stop)]
    beside = silent[edges[0] : edges[1]]
    if (run.stop - run.start) * _BLOCK_SECONDS >= enough - 1e-9 or (
        beside.size and beside.mean() >= _MIN_SILENT_SHARE_OF_STRETCH
    ):
        found["audio"] = "silent"
    for track, valid in (("video", frame_valid), ("audio", audio_valid)):
        there = np.flatnonzero(valid)
        if not there.size:
            continue
        # Holes of damaged files do not count: the loss of single packets leaves enough to judge.
        missing_share = 1 - (there[-1] + 1 - there[0]) / len(valid)
        if missing_share * len(waveform) / sample_rate > MAX_MISSING_SECONDS + 1e-9:
            found.setdefault(track, "incomplete")
    return found


def _green(frames: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """Return the green of every n-th pixel of large pictures, (T, 8 h, 8 w).

    It makes up most of the luminance.
    """
    height, width = frames[0].shape[:2]
    every = max(1, min(height, width) // (_NUM_FIELDS * _PIXELS_OF_A_FIELD))
    levels = np.stack([image[::every, ::every, 1] for image in frames]).astype(np.float32)
    _, height, width = levels.shape
    return levels[:, : height // _NUM_FIELDS * _NUM_FIELDS, : width // _NUM_FIELDS * _NUM_FIELDS]


def _unchanged(levels: npt.NDArray[np.float32]) -> Bools:
    """Return whether each picture but the first is that before it, (T - 1,)."""
    count, height, width = levels.shape
    changes = np.abs(np.diff(levels, axis=0))
    fields = changes.reshape(
        count - 1, _NUM_FIELDS, height // _NUM_FIELDS, _NUM_FIELDS, width // _NUM_FIELDS
    )
    return np.asarray(fields.mean(axis=(2, 4)).max(axis=(1, 2)) < MAX_FROZEN_CHANGE)


def _silent(waveform: npt.NDArray[np.float32], valid: Bools, block: int) -> Bools:
    """Return which blocks of the sound exist and are silent."""
    count = len(waveform) // block
    power = np.square(waveform[: count * block], dtype=np.float64).reshape(count, block).mean(1)
    exists = valid[: count * block].reshape(count, block).all(axis=1)
    return np.asarray(exists & (power < 10 ** (SILENCE_DBFS / 10)))


def _longest_run(flags: Bools) -> slice:
    """Return where the first of the longest runs of True lies."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    if not edges.size:
        return slice(0, 0)
    lengths = edges[1::2] - edges[::2]
    first = int(np.argmax(lengths))
    return slice(int(edges[2 * first]), int(edges[2 * first + 1]))
