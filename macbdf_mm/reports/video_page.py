"""A page about one video: what was found, where, what it looked at, and what it does not mean."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from macbdf_mm.errors import ForgeryToolboxError
from macbdf_mm.media.decoding_process import DecodingProcess, call_in
from macbdf_mm.reports.annotated_video import Annotation
from macbdf_mm.reports.figures.encoded_pictures import heat_url, photo_url
from macbdf_mm.reports.page import render_page
from macbdf_mm.reports.saliency_pictures import SaliencyPictures, saliency_pictures
from macbdf_mm.reports.score_curves import (
    Curve,
    find_peaks,
    gaps_of,
    score_curve,
    step_rows,
    window_rows,
)
from macbdf_mm.reports.score_limits import SCORE_LIMITS
from macbdf_mm.reports.time_axis import Axis, clock_text, span_text
from macbdf_mm.reports.verdict_words import (
    MIN_UNSEEN_SHARE,
    certainty_of,
    compared_words,
    sentence_of,
    verdict_of,
)
from macbdf_mm.reports.video_page_media import PageMedia, read_page_media
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.structures.window_saliency import WindowSaliency
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically
from macbdf_mm.utils.tables import printable

# What keeps the page of a long file small, and readable.
_NUM_COLUMNS = 480
_MAX_KEY_FRAMES = 6
_MAX_BARS = 24
_MAX_LISTED = 8
_WORDS = {"overall": "The file as a whole", "video": "Video", "audio": "Audio"}


def write_video_page(
    path: str | Path,
    prediction: Mapping[str, Any],
    media_file: str | Path | None,
    origin: Mapping[str, Any] | None = None,
    saliency: Sequence[WindowSaliency] | str = "It was not computed.",
    process: DecodingProcess | None = None,
) -> Path:
    """Return the path of the page that was written; arguments as of :func:`render_video_page`.

    Raises:
        UnwritableFileError: If it cannot be written.
    """
    page = render_video_page(prediction, media_file, origin, saliency, process)
    # Names that are not UTF-8 are written with escapes.
    write_atomically(page.encode("utf-8", errors="backslashreplace"), path)
    return Path(path)


def render_video_page(
    prediction: Mapping[str, Any],
    media_file: str | Path | None,
    origin: Mapping[str, Any] | None = None,
    saliency: Sequence[WindowSaliency] | str = "It was not computed.",
    process: DecodingProcess | None = None,
) -> str:
    """Return an HTML document about one file that needs no other file, no script and no network.

    Styles stand in a ``style`` element and in ``style`` attributes, pictures in ``data:`` URLs; a
    content security policy has to allow these and nothing else. A file whose pictures or sound
    cannot be read gets a page that says so. A page is some hundred kilobytes, also of a long file.

    Args:
        prediction: As ``Prediction.to_json()`` returns it; its ``file`` is the name on the page.
        media_file: The file itself, for its key frames and its sound; None leaves them out.
        origin: What made the scores: ``checkpoint`` and ``config`` (names), ``checkpoint_sha256``
            (of the file) or ``weights_sha256`` (of the weights in memory), ``training_data`` (of
            the checkpoint), ``versions`` and ``settings`` (names and values each). What it lacks
            is not shown.
        saliency: What the detector looked at in some windows; or a sentence on why that is not
            known.
        process: Where the file is decoded; None decodes it in this process, which a damaged file
            can crash or hang.
    """
    curves = _curves(prediction)
    duration = _duration(prediction)
    media, media_problem = PageMedia(), None
    peaks = []
    if duration:
        peaks = find_peaks(_peak_curves(curves), duration, _MAX_KEY_FRAMES)
        if media_file is None:
            media_problem = "The file itself was not at hand when this page was made."
        else:
            times = [seconds for seconds, _, _ in peaks]
            try:
                media = call_in(process, read_page_media, media_file, duration, times)
            except (ForgeryToolboxError, OSError) as error:
                media_problem = f"Pictures and sound could not be read for this page: {error}"
    axis = Axis(duration)
    return render_page(
        "video_page.html.j2",
        title=_name(prediction["file"]),
        digest=prediction_digest(prediction),
        verdict=verdict_of(prediction),
        certainty=certainty_of(prediction),
        axis=axis,
        num_columns=_NUM_COLUMNS,
        warnings=[sentence_of(warning) for warning in prediction["warnings"]],
        lanes=[_lane(track, prediction, curves, axis) for track in TRACKS] if duration else [],
        peaks=_key_frames(peaks, media, axis),
        spectrogram=_spectrogram(media),
        media_problem=media_problem and printable(media_problem),
        saliency=_saliency(saliency),
        saliency_words=_saliency_words(saliency),
        saliency_problem=saliency if isinstance(saliency, str) else None,
        seen=_seen(prediction),
        limits=SCORE_LIMITS,
        training=_training(origin["training_data"])
        if origin and "training_data" in origin
        else None,
        facts=_facts(prediction, origin or {}),
    )


def annotation_of(prediction: Mapping[str, Any]) -> Annotation:
    """Return what an annotated video shows of a prediction that has windows."""
    curves = _curves(prediction)
    names = {"overall": "file", "video": "video", "audio": "audio"}
    return Annotation(
        headline=_headline(prediction),
        duration_seconds=_duration(prediction),
        curves={names[track]: curves[track]["windows"] for track in TRACKS},
        thresholds={names[track]: prediction["thresholds"][track] for track in TRACKS},
        flagged={names[track]: prediction["flagged"].get(track, ()) for track in TRACKS},
        # Real files have some, too, and a box does not show how low its score is.
        proposals={
            names[track]: [(p["start"], p["end"]) for p in _proposals(track, prediction)]
            for track in (TRACKS if prediction["verdict"] != "real" else ())
        },
        digest=prediction_digest(prediction),
    )


def _headline(prediction: Mapping[str, Any]) -> str:
    score = prediction["scores"]["overall"]
    words = verdict_of(prediction).headline
    return words if score is None else f"{words}: {score:.2f}"


def prediction_digest(prediction: Mapping[str, Any]) -> str:
    """Return a digest of what is predicted, which its page has in its head."""
    text = json.dumps(prediction, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Bar:
    """A part of the time axis: in percent of its length, and in words."""

    left: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Lane:
    """What the timeline shows of one track.

    Attributes:
        track: ``overall``, ``video`` or ``audio``.
        title: Its heading.
        summary: A sentence, also for readers who do not see the picture.
        window_path: SVG path of the scores of windows, 100 high and as wide as there are columns.
        step_path: Likewise of the steps, as an area; empty without them.
        threshold: Height of the threshold in percent, from above.
        proposals: Where it is likely fake; higher bars have higher scores.
        flagged: Where windows stand out.
        unseen: Where the track was not seen or is left out.
        places: Sentences on the same.
    """

    track: str
    title: str
    summary: str
    window_path: str
    step_path: str
    threshold: float
    proposals: Sequence[Bar]
    flagged: Sequence[Bar]
    unseen: Sequence[Bar]
    places: Sequence[str]


@dataclass(frozen=True)
class KeyFrame:
    """A peak of the scores, and the picture that is shown then."""

    number: int
    left: float
    seconds: str
    track: str
    score: float
    url: str | None


def _name(file: str) -> str:
    return printable(Path(file).name or file)


def _duration(prediction: Mapping[str, Any]) -> float:
    """Return the length of the file: faces, and so the windows, can end before it does."""
    ends = [window[1] for window in prediction["windows"]]
    ends += [end for found in prediction["unusable"].values() for _, end in found["intervals"]]
    media = prediction.get("media")
    if ends and media:
        ends.append(media["duration_seconds"])
    return max(ends, default=0.0)


def _curves(prediction: Mapping[str, Any]) -> dict[str, dict[str, Curve]]:
    """Return by track the curves ``windows`` and, if there are steps, ``steps``."""
    windows, duration = prediction["windows"], _duration(prediction)
    curves: dict[str, dict[str, Curve]] = {}
    for track in TRACKS if duration else ():
        rows = window_rows(windows, track)
        curves[track] = {"windows": score_curve(rows, duration, _NUM_COLUMNS)}
        steps = prediction["steps"].get(track)
        if steps and windows:
            rows = step_rows(windows, steps)
            curves[track]["steps"] = score_curve(rows, duration, _NUM_COLUMNS)
    return curves


def _peak_curves(curves: Mapping[str, Mapping[str, Curve]]) -> dict[str, Curve]:
    """Return what peaks are looked for in: steps of both tracks, or the windows of the file."""
    fine = {t: c["steps"] for t, c in curves.items() if "steps" in c}
    if any((~np.isnan(curve)).any() for curve in fine.values()):
        return fine
    return {"overall": curves["overall"]["windows"]}


def _lane(
    track: str,
    prediction: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Curve]],
    axis: Axis,
) -> Lane:
    score, threshold = prediction["scores"][track], prediction["thresholds"][track]
    rows = window_rows(prediction["windows"], track)
    unseen = gaps_of(rows, axis.duration_seconds)
    proposals = _proposals(track, prediction)
    flagged = prediction["flagged"].get(track, ())
    reasons = prediction["unusable"].get(track, {}).get("reasons", ())
    if score is None:
        title = f"{_WORDS[track]}: not scored"
    else:
        title = f"{_WORDS[track]}: {compared_words(score, threshold)}"
    places = []
    if proposals and score is not None:
        named = [f"{span_text(p['start'], p['end'])} ({p['score']:.2f})" for p in proposals[:3]]
        places.append(
            f"If anything is forged, most likely at (scores from 0 to 1): {', '.join(named)}."
        )
    if flagged:
        places.append(f"Stands out from real files at {_listed(flagged)}.")
    if unseen:
        why = f" ({' or '.join(reasons)})" if reasons else ""
        places.append(f"Not seen or left out{why} at {_listed(unseen)}.")
    return Lane(
        track=track,
        title=title,
        summary=_summary(track, rows, threshold),
        window_path=_step_path(curves[track]["windows"]),
        step_path=_step_path(curves[track]["steps"], is_area=True)
        if "steps" in curves[track]
        else "",
        threshold=round(100 * (1 - threshold), 2),
        proposals=[_bar(p["start"], p["end"], axis, p["score"]) for p in proposals],
        flagged=[_bar(start, end, axis) for start, end in _bounded(flagged)],
        unseen=[_bar(start, end, axis) for start, end in _bounded(unseen)],
        places=places,
    )


def _proposals(track: str, prediction: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the better proposals: every file has some of low scores, which say nothing."""
    found = [p for p in prediction["intervals"] or () if p["track"] == track]
    best = max((p["score"] for p in found), default=0.0)
    return [p for p in found if p["score"] >= best / 2][:_MAX_BARS]


def _summary(track: str, rows: Sequence[tuple[float, float, float]], threshold: float) -> str:
    seen = [row for row in rows if row[2] == row[2]]
    if not seen:
        return f"{_WORDS[track]}: no window has a score."
    scores = [score for _, _, score in seen]
    start, end, highest = max(seen, key=itemgetter(2))
    return (
        f"Highest score of a window {highest:.2f}, at {span_text(start, end)}; lowest "
        f"{min(scores):.2f}; {sum(score >= threshold for score in scores)} of "
        f"{counted(len(scores), 'window')} reach the threshold."
    )


def _bounded(intervals: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Return the longest intervals, so many as a page may draw."""
    return sorted(intervals, key=lambda i: i[0] - i[1])[: 4 * _MAX_BARS]


def _bar(start: float, end: float, axis: Axis, score: float = 1.0) -> Bar:
    left = axis.percent(start)
    return Bar(left, max(0.3, axis.percent(end) - left), round(100 * score), span_text(start, end))


def _listed(intervals: Sequence[Sequence[float]]) -> str:
    """Return intervals in words, those beyond a number as their count."""
    spans = [span_text(start, end) for start, end in intervals[:_MAX_LISTED]]
    rest = len(intervals) - len(spans)
    return ", ".join(spans) + (f" and {rest} more places" if rest else "")


def _step_path(curve: Curve, is_area: bool = False) -> str:
    """Return the path of a step line, or of the area under it; a gap lifts the pen."""
    ground, end = ("100V", "V100Z") if is_area else ("", "")
    words, height = [], math.nan
    for column, value in enumerate([*curve, np.nan]):
        if np.isnan(value):
            if not math.isnan(height):
                words.append(f"H{column}{end}")
            height = math.nan
            continue
        level = round(100 * (1 - value), 1)
        if math.isnan(height):
            words.append(f"M{column} {ground}{level:g}")
        elif level != height:
            words.append(f"H{column}V{level:g}")
        height = level
    return "".join(words)


def _key_frames(
    peaks: Sequence[tuple[float, str, float]], media: PageMedia, axis: Axis
) -> list[KeyFrame]:
    return [
        KeyFrame(
            number=number,
            left=axis.percent(seconds),
            seconds=clock_text(seconds),
            track=track,
            score=score,
            url=None if frame is None else photo_url(frame),
        )
        for number, ((seconds, track, score), frame) in enumerate(
            zip(peaks, media.frames or [None] * len(peaks), strict=True), start=1
        )
    ]


def _spectrogram(media: PageMedia) -> str | None:
    """Return the picture of the sound; None without any."""
    if media.decibels is None or np.isnan(media.decibels).all():
        return None
    loudest = float(np.nanmax(media.decibels))
    # Silence all through must not be stretched into a bright pattern of rounding noise.
    quietest = max(float(np.nanpercentile(media.decibels, 10)), loudest - 80)
    return heat_url(media.decibels, min(quietest, loudest - 10), loudest)


def _saliency(saliency: Sequence[WindowSaliency] | str) -> list[SaliencyPictures]:
    return [] if isinstance(saliency, str) else [saliency_pictures(item) for item in saliency]


def _saliency_words(saliency: Sequence[WindowSaliency] | str) -> str:
    if isinstance(saliency, str) or not saliency:
        return ""
    return (
        "For the windows with the highest scores: what moved the raw score, by "
        f"{saliency[0].method}. Pictures are as the detector sees them, bright where the score "
        "depends on them, dark elsewhere. This shows what the score is sensitive to, and is no "
        "evidence of an edit."
    )


def _seen(prediction: Mapping[str, Any]) -> list[str]:
    """Return sentences on what was looked at and what was not."""
    sentences = []
    if prediction["status"] != "ok":
        sentences.append("Nothing of this file was judged.")
    share = prediction["unseen_share"]
    if share is not None:
        sentences.append(
            "Every part of the file was looked at in at least one track."
            if share < MIN_UNSEEN_SHARE
            else f"{share:.1%} of the file was not looked at."
        )
    if prediction["status"] == "ok":
        tracks = [t for t in STEP_TRACKS if prediction["scores"][t] is not None]
        without = [t for t in STEP_TRACKS if t not in tracks]
        sentences.append(f"Scored: {' and '.join(tracks)}.")
        sentences += [f"The {track} was not scored." for track in without]
    sentences += _faces(prediction)
    for track, found in prediction["unusable"].items():
        sentences.append(
            f"Of the {track}, {found['num_windows']} windows ({found['share']:.0%}) were left out "
            f"as {' or '.join(found['reasons'])}: {_listed(found['intervals'])}."
        )
    return [printable(sentence) for sentence in sentences]


def _faces(prediction: Mapping[str, Any]) -> list[str]:
    """Return sentences on what of the pictures was scored, and on cuts."""
    kinds = {
        "whole frames": "The whole frames were looked at, and faces were not looked for.",
        "no face": "No face was found, so the sound alone is scored.",
    }
    looked_at, faces = prediction.get("looked_at"), prediction.get("faces") or ()
    sentences = [kinds[looked_at]] if looked_at in kinds else []
    if faces:
        sentences.append(
            f"{counted(len(faces), 'face')} looked at, each with the sound of its time."
        )
    if faces and prediction["worst_face"] is not None:
        sentences.append(
            f"The scores of the file and its curves are those of face {prediction['worst_face']}, "
            "the highest; what stands out is marked for all faces."
        )
    for face in faces[:_MAX_LISTED]:
        score = face["scores"]["overall"]
        words = "not judged" if score is None else f"overall {score:.2f}"
        left, top, right, bottom = face["box"]
        sentences.append(
            f"Face {face['id']}, {span_text(*face['span'])}: {words}; it lies {left:.0%} to "
            f"{right:.0%} from the left and {top:.0%} to {bottom:.0%} from the top."
        )
    if len(faces) > _MAX_LISTED:
        sentences.append(f"And {counted(len(faces) - _MAX_LISTED, 'more face')}.")
    cuts = prediction.get("cuts") or ()
    if cuts:
        times = ", ".join(clock_text(cut) for cut in cuts[:_MAX_LISTED])
        rest = len(cuts) - _MAX_LISTED
        more = f" and {rest} more" if rest > 0 else ""
        sentences.append(
            f"{counted(len(cuts), 'cut')} at {times}{more}; "
            f"{counted(len(prediction.get('cut_windows') or ()), 'window')} with a cut."
        )
    return sentences


def _training(known: Any) -> str:
    """Return a sentence on what weights were trained on, by ``meta['training_data']``."""
    if not isinstance(known, Mapping) or not known:
        return "The checkpoint does not say what the weights were trained on."
    text = f"The weights were trained on {printable(str(known.get('dataset', 'unnamed data')))}"
    return f"{text}, which is synthetic." if known.get("synthetic") else f"{text}."


def _facts(prediction: Mapping[str, Any], origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("file", prediction["file"])]
    names = {
        "checkpoint": "weights",
        "checkpoint_sha256": "SHA-256 of that file",
        "weights_sha256": "SHA-256 of the weights in memory",
        "config": "config",
    }
    facts += [(words, str(origin[key])) for key, words in names.items() if origin.get(key)]
    windows = prediction["windows"]
    if windows:
        facts.append(("windows", f"{len(windows)} of {windows[0][1] - windows[0][0]:.2f} s"))
    facts += [(str(key), str(value)) for key, value in origin.get("settings", {}).items()]
    versions = origin.get("versions", {})
    if versions:
        facts.append(("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return [(name, printable(value)) for name, value in facts]
