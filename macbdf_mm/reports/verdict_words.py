"""A verdict in words, and what its score means and does not mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from macbdf_mm.utils.tables import printable


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
    if verdict == "fake":
        sentence = f"The overall score of {score:.2f} reaches the threshold of {threshold:.2f}."
        return Verdict("✕", "fake", "Likely forged", sentence)
    if verdict == "parts flagged":
        sentence = (
            f"As a whole, the score of {score:.2f} is below the threshold of {threshold:.2f}, but "
            "some windows stand out from those of real files."
        )
        return Verdict("!", "fake", "Parts look forged", sentence)
    if verdict == "uncertain":
        band = prediction["uncertain_band"]
        sentence = (
            f"The overall score of {score:.2f} lies between {band['low']:.2f} and "
            f"{band['high']:.2f}, where too many verdicts would be wrong."
        )
        return Verdict("?", "uncertain", "Uncertain", sentence)
    sentence = f"The overall score of {score:.2f} is below the threshold of {threshold:.2f}."
    return Verdict("✓", "real", "No sign of forgery found", sentence)


def certainty_of(prediction: Mapping[str, Any]) -> list[str]:
    """Return sentences on how certain a verdict is; none without an overall score."""
    score = prediction["scores"]["overall"]
    if score is None:
        return []
    sentences = []
    if prediction["raw_scores"] is None:
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
    band = prediction["uncertain_band"]
    if band is not None:
        sentences.append(
            f"Overall scores from {band['low']:.2f} to {band['high']:.2f} are called uncertain. "
            f"Outside, at most {band['error_bound']:.0%} of verdicts are wrong on data like the "
            f"validation set (with a confidence of {band['confidence']:.0%})."
        )
    else:
        sentences.append(
            "There is no uncertain band, so the share of wrong verdicts is not bounded."
        )
    bound = prediction["false_alarm_bound"]
    if bound is not None:
        sentences.append(
            f"Of real files of any length, at most {bound:.0%} have a place that stands out."
        )
    return sentences


def sentence_of(text: str) -> str:
    """Return a warning as a sentence, printable."""
    return printable(text[:1].upper() + text[1:].rstrip(".")) + "."


def _out_of_hundred(score: float) -> str:
    if score >= 0.995:
        return "more than 99"
    return "fewer than 1" if score < 0.005 else f"about {100 * score:.0f}"
