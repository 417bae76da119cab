"""How well forgeries are located in time, as tables of both conventions."""

from collections.abc import Mapping

from macbdf_mm.evaluation.functional.localisation.matching import Convention
from macbdf_mm.evaluation.localisation import CHALLENGE_SCORE, MEASURED, LocalisedTrack
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.reports.tables import Table, number_text, ranged, share_text
from macbdf_mm.utils.counted import counted


def localisation_table(found: Mapping[str, LocalisedTrack], convention: Convention) -> Table:
    """Return a row per figure of localisation and a column per track.

    AP stands beside what the length of the time steps allows at best. The score of the challenge
    of AV-Deepfake1M++ is half the mean AP and half the mean AR, in its own convention.

    Args:
        found: What :func:`~macbdf_mm.evaluation.localisation.measure_localisation` returns.
        convention: The rule by which AP and AR are computed; the table names it.
    """
    tracks = list(found.values())
    rows: list[tuple[str, ...]] = []
    for iou in MEASURED.ap_ious:
        key = f"ap@{iou:g}"
        rows.append((f"AP@{iou:g}", *(ranged(t.figures[convention], key) for t in tracks)))
    for number in MEASURED.ar_counts:
        key = f"ar@{number}"
        rows.append((f"AR@{number}", *(ranged(t.figures[convention], key) for t in tracks)))
    if convention == "avdeepfake1m":
        cells = [number_text(t.figures[convention][CHALLENGE_SCORE]) for t in tracks]
        rows.append(("AV-Deepfake1M++ score", *cells))
    for iou in MEASURED.ap_ious:
        cells = [number_text(t.best[convention][f"ap@{iou:g}"]) for t in tracks]
        rows.append((f"AP@{iou:g} if all steps were right", *cells))
    rows += [
        ("length of the steps (s)", *(f"{t.step_seconds:g}" for t in tracks)),
        ("forgeries", *(str(t.num_forgeries) for t in tracks)),
        ("of the whole clip", *(str(t.num_whole) for t in tracks)),
        ("scored of annotated", *(share_text((t.num_videos, t.num_labelled)) for t in tracks)),
    ]
    return Table((f"convention: {convention}", *found), rows)


def localisation_title(convention: Convention) -> str:
    """Return the title of that table."""
    where = "Localisation in time, convention"
    return f"{where} {convention}" + (
        " (as published tables)" if convention == "avdeepfake1m" else ""
    )


def localisation_note(scores: ScoreSet, located: Mapping[str, LocalisedTrack]) -> str:
    """Return what tables of localisation rest on, or why there are none.

    Args:
        scores: The scores.
        located: What :func:`~macbdf_mm.evaluation.localisation.measure_localisation` returns.
    """
    if not located:
        return "Forgeries are not located in time: there are no scores of time steps."
    if not any(track.num_labelled for track in located.values()):
        return "Localisation is not measured: the score file does not say where clips are forged."
    if not any(track.num_forgeries for track in located.values()):
        return "Localisation is not measured: no forgery is annotated."
    is_fitted = set(located) <= set(scores.proposals)
    how = "fitted on validation data" if is_fitted else "not all fitted on validation data"
    parts = [f"The settings of the proposals were {how}."]
    for track, found in located.items():
        if found.num_partly_seen and track != "overall":
            parts.append(
                f"In {found.num_partly_seen} of {counted(found.num_videos, 'clip')} the {track} "
                "was not seen in some windows, and nothing is proposed there."
            )
    return " ".join(parts)


def localisation_figures(located: Mapping[str, LocalisedTrack]) -> dict[str, float]:
    """Return the figures of all tracks and conventions, as ``overall/exact/ap@0.5``.

    With ``overall/exact/ap@0.5_of_right_steps``, what steps of that length allow at best.
    """
    figures: dict[str, float] = {}
    for track, found in located.items():
        for convention, values in found.figures.items():
            stem = f"{track}/{convention}"
            figures |= {f"{stem}/{name}": value for name, value in values.items()}
            best = found.best[convention].items()
            figures |= {f"{stem}/{name}_of_right_steps": value for name, value in best}
    return figures
