"""What is predicted about one file as a sentence for people, and about many as a summary."""

from collections.abc import Mapping, Sequence
from typing import Any

from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import printable

# A line stays readable for an hour of video: all places are in the JSON.
_MAX_PLACES = 3
_MAX_GAP_SECONDS = 0.01


def describe(prediction: Mapping[str, Any]) -> str:
    """Return one line on a prediction: verdict, scores, thresholds, where, warnings.

    Args:
        prediction: As :meth:`Prediction.to_json` returns it.
    """
    file = prediction["file"]
    warnings = [f"warning: {warning}" for warning in prediction["warnings"]]
    if prediction["status"] != "ok":
        # Most errors name the file themselves.
        error = prediction["error"].removeprefix(file).removeprefix(":").strip().rstrip(".")
        text = f"{prediction['status']}: {error}"
        return printable(f"{file}: " + "; ".join([text, *warnings]))
    verdict = prediction["verdict"]
    verdict = verdict if verdict == "real" else verdict.upper()
    if prediction["verdict"] == "parts flagged":
        bound = prediction["false_alarm_bound"]
        verdict += f" (in {bound:.0%} of real files at most), as a whole below the threshold"
    if prediction["verdict"] == "uncertain":
        band = prediction["uncertain_band"]
        verdict += (
            f" (overall from {band['low']:.2f} to {band['high']:.2f}; outside, at most "
            f"{band['error_bound']:.0%} of verdicts are wrong on data like the validation set)"
        )
    looked_at = [text] if (text := _describe_pictures(prediction)) else []
    tracks = [*looked_at, *(_describe_track(track, prediction) for track in TRACKS)]
    if where := _describe_best(prediction):
        tracks.append(where)
    unusable = [_describe_unusable(*item) for item in prediction["unusable"].items()]
    return printable(f"{file}: " + "; ".join([verdict, *tracks, *unusable, *warnings]))


def outcome_of(prediction: Mapping[str, Any]) -> str:
    """Return what became of a file: its verdict, or without one its status."""
    outcome: str = prediction["verdict"] or prediction["status"]
    return outcome


def summarise(counts: Mapping[str, int], caveats: Sequence[str]) -> str:
    """Return the last line: how many files got which verdict, and what holds for all.

    Args:
        counts: Number of files by :func:`outcome_of`.
        caveats: Of all scores.
    """
    named = (
        ("fake", "fake"),
        ("parts flagged", "with parts flagged"),
        ("uncertain", "uncertain"),
        ("real", "real"),
        ("not judged", "not judged"),
        ("error", "not scored"),
    )
    parts = [f"{counts[key]} {words}" for key, words in named if counts.get(key)]
    head = counted(sum(counts.values()), "file") + (": " if parts else "") + ", ".join(parts)
    return " ".join([f"{head}.", *(f"Warning: {caveat}." for caveat in caveats)])


def _describe_pictures(prediction: Mapping[str, Any]) -> str:
    """Return what of the pictures was looked at; nothing for a file without any."""
    faces = prediction["faces"]
    if not faces:
        return prediction["looked_at"] or ""
    worst = next(face for face in faces if face["id"] == prediction["worst_face"])
    place = f"at {_seconds([worst['span']])}"
    if len(faces) == 1:
        return f"1 face {place}"
    return f"worst of {len(faces)} faces, {worst['id']}, {place}"


def _describe_track(track: str, prediction: Mapping[str, Any]) -> str:
    score, threshold = prediction["scores"][track], prediction["thresholds"][track]
    if score is None:
        return f"{track} not seen"
    text = f"{track} {score:.2f} (threshold {threshold:.2f}"
    places = prediction["flagged"].get(track)
    return f"{text}, stands out at {_seconds(places)})" if places else f"{text})"


def _describe_best(prediction: Mapping[str, Any]) -> str | None:
    """Return which interval of a track is the best; None where nothing is called fake."""
    found = prediction["intervals"] or []
    best = max(
        (item for item in found if item["track"] != "overall"),
        key=lambda item: item["score"],
        default=None,
    )
    if best is None or prediction["verdict"] == "real":
        return None
    span = _seconds([(best["start"], best["end"])])
    return f"most likely forged: {best['track']} at {span} (score {best['score']:.2f})"


def _describe_unusable(track: str, found: Mapping[str, Any]) -> str:
    return (
        f"{track} left out as {' or '.join(found['reasons'])} in {found['num_windows']} windows "
        f"({found['share']:.0%}) at {_seconds(found['intervals'])}"
    )


def _seconds(intervals: Sequence[Interval]) -> str:
    """Return the times in words, those that touch joined; of many the longest, in their order."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        # Sums of strides and the rounding of a journal leave gaps of less.
        if joined and start <= joined[-1][1] + _MAX_GAP_SECONDS:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    longest = sorted(joined, key=lambda item: item[0] - item[1])[:_MAX_PLACES]
    text = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in sorted(longest))
    if len(joined) == len(longest):
        return text
    seconds = sum(end - start for start, end in joined)
    return f"{text} and {len(joined) - len(longest)} other places ({seconds:.1f} s in all)"
