"""The words by which tables and folders say what is real and what is fake."""

import re
from collections.abc import Mapping
from typing import Any

from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN

_LABELS = {
    **dict.fromkeys(("1", "1.0", "fake", "true", "forged"), FAKE),
    **dict.fromkeys(("0", "0.0", "real", "false", "genuine"), REAL),
    **dict.fromkeys(("", "-1", "-1.0", "unknown", "none", "null", "nan"), UNKNOWN),
}
_LABEL, _TRACK = "(real|fake|r|f)", "(video|visual|audio|v|a)"
_ONE_TRACK = f"(?:{_LABEL}{_TRACK}|{_TRACK}{_LABEL})"
_BOTH_TRACKS = re.compile(_ONE_TRACK * 2)


def label_of(value: Any, own_values: Mapping[str, str] | None = None) -> int | None:
    """Return the label that a value of a table means, None if it means none.

    ``fake``, ``1``, ``true`` and ``forged`` are 1; ``real``, ``0``, ``false`` and ``genuine`` 0;
    ``unknown``, ``-1`` and nothing -1. Case does not matter.

    Args:
        value: What the table holds.
        own_values: Values of the table -> what they mean, as one of these words.
    """
    text = "" if value is None else str(value).strip()
    text = (own_values or {}).get(text, text)
    return _LABELS.get(text.lower())


def tracks_of(name: str) -> tuple[int, int] | None:
    """Return video and audio label that a category's name means, None if it means none.

    A word or letter for label and track, for both tracks, in any order and with anything between
    that is no letter: ``RealVideo-FakeAudio``, ``video_real_audio_fake``, ``RVFA``, ``VR-AF``.
    """
    match = _BOTH_TRACKS.fullmatch(re.sub(r"[\W\d_]+", "", name.lower()))
    if match is None:
        return None
    words = [word for word in match.groups() if word]
    found: dict[str, int] = {}
    for pair in (words[:2], words[2:]):
        label, track = pair if pair[0][0] in "rf" else pair[::-1]
        found[track[0]] = FAKE if label[0] == "f" else REAL
    return (found["v"], found["a"]) if len(found) == 2 else None
