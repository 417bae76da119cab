"""The model card of a release: what the weights are, and what their scores do not mean."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.reports.score_limits import SCORE_LIMITS
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.tables import markdown_table


def model_card(facts: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        facts: As ``release.json`` holds them.
    """
    name = facts["name"]
    sections = [
        f"# {name}",
        "An audio-visual deepfake detector of the package `macbdf_mm` "
        f"{facts['versions'].get('macbdf_mm', '')}: {facts['num_parameters']:,} parameters in "
        f"{facts['precision']}. It scores windows of {facts['window_seconds']:g} s, and from them "
        "the video, the audio and the whole of a file.",
        "```\nmacbdf predict --checkpoint THIS_FOLDER video.mp4\n```",
        f"## Training data\n\n{_training_data(facts['meta'].get('training_data'))}",
        f"## Test\n\n{_test(facts['figures'], facts['weights_sha256'])}",
        f"## Thresholds and calibration\n\n{_decisions(facts)}",
        f"## What a score does not mean\n\n{_limits()}{_faces(facts)}",
        "## Files\n\n`sha256sum --check SHA256SUMS` checks all of them. SHA-256 of the weights in "
        f"memory, as in score files: `{facts['weights_sha256']}`.",
    ]
    return "\n\n".join(sections) + "\n"


def _training_data(known: Any) -> str:
    if not isinstance(known, Mapping) or not known:
        return "The checkpoint does not say what the weights were trained on."
    text = f"`{known.get('dataset', 'unnamed')}`."
    if known.get("synthetic"):
        text += (
            " **It is synthetic: the weights show that the toolchain works, and their scores say "
            "nothing about real video.**"
        )
    return text


def _test(figures: Mapping[str, Any] | None, digest: str) -> str:
    if figures is None:
        return "No test of these weights is known."
    table = markdown_table(figures["headers"], figures["rows"])
    text = f"{figures['num_clips']} clips of the config's test set"
    if figures["weights_sha256"] != digest:
        text += ", scored before the weights were rounded to float16"
    return f"{text}:\n\n{table}"


def _decisions(facts: Mapping[str, Any]) -> str:
    values = ", ".join(f"{track} {facts['thresholds'][track]:.3f}" for track in TRACKS)
    origin = "chosen on validation data" if facts["is_threshold_fitted"] else "not chosen on data"
    calibration = facts["calibration"]
    if calibration is None:
        return (
            f"A file counts as fake from these scores ({origin}): {values}. Scores were not "
            "calibrated, so they rank files but are no probabilities."
        )
    text = f"A file counts as fake from these calibrated scores ({origin}): {values}."
    if (band := calibration["band"]) is not None:
        text += f" Overall scores from {band['low']:.3f} to {band['high']:.3f} are uncertain."
    return text


def _limits() -> str:
    return "\n".join(f"- {limit}" for limit in SCORE_LIMITS)


def _faces(facts: Mapping[str, Any]) -> str:
    if not facts["reads_face_crops"]:
        return ""
    return (
        "\n- The model was trained on face crops. `macbdf predict` finds and crops the faces of a "
        "file, which needs a face detector."
    )
