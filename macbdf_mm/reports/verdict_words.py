"""A verdict in words, and what its score means and does not mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from macbdf_mm.structures.labels import STEP_TRACKS
from macbdf_mm.utils.tables import printable

MIN_UNSEEN_SHARE = 0.0005
"""Below, a file counts as looked at all through: percentages have one digit."""


@dataclass(frozen=True)
class Verdict:
    """A verdict for a page.

    Attributes:
        sign: A character that stands for it beside its colour.
        kind: ``fake``, ``uncertain``, ``real`` or ``none``: how it is coloured.
        headline: A few words.
        sentence: The reason.
    """

    sign: str
    kind: str
    headline: str
    sentence: str


def verdict_of(prediction: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a prediction in words.

    Args:
        prediction: As ``Prediction.to_json()`` returns it.
    """
    if prediction["status"] != "ok":
        error = str(prediction["error"])
        headline = "Not judged" if prediction["status"] == "not judged" else "Not scored"
        return Verdict("-", "none", headline, printable(error))
    verdict = prediction["verdict"]
    if verdict is None:
        return Verdict("-", "none", "No verdict", "There is no overall score.")
    score, threshold = prediction["scores"]["overall"], prediction["thresholds"]["overall"]
    compared = compared_words(score, threshold)
    if verdict == "fake":
        return Verdict("✕", "fake", "Likely forged", f"The overall score of {compared}.")
    if verdict == "parts flagged":
        sentence = (
            f"As a whole, the score of {compared}, but some windows stand out from those of real "
            "files."
        )
        return Verdict("!", "fake", "Parts look forged", sentence)
    if verdict == "uncertain":
        band = prediction["uncertain_band"]
        sentence = (
            f"The overall score of {score:.2f} lies between {band['low']:.2f} and "
            f"{band['high']:.2f}, where too many verdicts would be wrong."
        )
        return Verdict("?", "uncertain", "Uncertain", sentence)
    return _real(prediction, f"The overall score of {compared}")


def _real(prediction: Mapping[str, Any], sentence: str) -> Verdict:
    """Return the verdict ``real``, with what speaks against taking it for more than it is."""
    scores, thresholds = prediction["scores"], prediction["thresholds"]
    seen = [track for track in STEP_TRACKS if scores[track] is not None]
    reached = [track for track in seen if scores[track] >= thresholds[track]]
    if reached:
        text = f"{sentence}, but that of the {' and of the '.join(reached)} reaches its threshold."
        return Verdict("~", "uncertain", "Not forged as a whole", text)
    notes = [f"The {track} was not scored." for track in STEP_TRACKS if track not in seen]
    share = prediction["unseen_share"] or 0.0
    if share >= MIN_UNSEEN_SHARE:
        notes.append(f"{share:.1%} of the file was not looked at.")
    return Verdict("✓", "real", "No sign of forgery found", " ".join([f"{sentence}.", *notes]))


def compared_words(score: float, threshold: float) -> str:
    """Return ``0.45 is below the threshold of 0.50``, with digits that show which is higher."""
    digits = next(d for d in (2, 3, 4, 6) if d == 6 or round(score, d) != round(threshold, d))
    side = "reaches" if score >= threshold else "is below"
    return f"{score:.{digits}f} {side} the threshold of {threshold:.{digits}f}"


def certainty_of(prediction: Mapping[str, Any]) -> list[str]:
    """Return sentences on how certain a verdict is; none without an overall score."""
    score = prediction["scores"]["overall"]
    if score is None:
        return []
    sentences = []
    # With maps for other tracks, there are raw scores; the overall one is then as it was.
    raw = prediction["raw_scores"] and prediction["raw_scores"]["overall"]
    if raw is None or (raw == score and 0 < score < 1):
        sentences.append(
            f"The scores were not calibrated: {score:.2f} ranks this file among others and is no "
            "probability."
        )
    else:
        sentences.append(
            f"The score is calibrated: of files like the validation data with a score of "
            f"{score:.2f}, {_out_of_hundred(score)} in 100 are fake. Where fakes are rarer than in "
            "the validation data, it is fewer."
        )
    sentences.append(_band_words(prediction["uncertain_band"]))
    bound = prediction["false_alarm_bound"]
    if bound is not None:
        sentences.append(
            f"Of real files like those of the validation data, of any length, at most {bound:.0%} "
            "have a place that stands out."
        )
    return sentences


def _band_words(band: Mapping[str, Any] | None) -> str:
    if band is None or band["error_bound"] is None:
        return "There is no uncertain band, so the share of wrong verdicts is not bounded."
    bound = (
        f"at most {band['error_bound']:.0%} of verdicts are wrong on data like the validation set "
        f"(with a confidence of {band['confidence']:.0%})."
    )
    # Where all verdicts are right often enough, the band is one point.
    if band["low"] == band["high"]:
        return f"No score is called uncertain: {bound}"
    return (
        f"Overall scores from {band['low']:.2f} to {band['high']:.2f} are called uncertain. "
        f"Outside, {bound}"
    )


def sentence_of(text: str) -> str:
    """Return a warning as a sentence, printable."""
    return printable(text[:1].upper() + text[1:].rstrip(".")) + "."


def _out_of_hundred(score: float) -> str:
    if score > 0.99:
        return "more than 99"
    return "fewer than 1" if score < 0.01 else f"about {100 * score:.0f}"
