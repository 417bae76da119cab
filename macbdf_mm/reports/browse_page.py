"""The page that shows what a pipeline feeds the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from macbdf_mm.reports.figures.pipeline_clip import PipelineClip, draw_pipeline_clip
from macbdf_mm.reports.page import Picture, write_page
from macbdf_mm.reports.tables import Table
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS, UNKNOWN
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import printable

_WORDS = {FAKE: "fake", REAL: "real", UNKNOWN: "unknown"}


@dataclass(frozen=True)
class BrowsedClips:
    """Clips out of a pipeline, and what stands in their data set.

    Attributes:
        part: ``train``, ``val`` or ``test``: whose pipeline.
        split: Of the annotation; None for all of it.
        transforms: Names of the pipeline's transforms, in order.
        item: ``clip``, or ``window`` in test mode: what the data set lists.
        num_items: How many there are.
        clips: What is shown.
        unread: File -> why it cannot be read.
    """

    part: str
    split: str | None
    transforms: Sequence[str]
    item: str
    num_items: int
    clips: Sequence[PipelineClip]
    unread: Mapping[str, str]


def write_browse_page(browsed: BrowsedClips, title: str, path: str | Path) -> Path:
    """Return the path of the page that was written; it needs no other file."""
    return write_page(
        path,
        "browse.html.j2",
        title=title,
        browsed=browsed,
        sections=[
            {
                "title": clip.name,
                "facts": _facts(clip),
                "labels": _label_table(clip),
                "picture": Picture(partial(draw_pipeline_clip, clip), _description(clip)),
            }
            for clip in browsed.clips
        ],
        unread=Table(("file", "why"), list(browsed.unread.items())),
    )


def unread_text(browsed: BrowsedClips) -> str:
    """Return lines that count and name the clips that cannot be read."""
    head = f"{counted(len(browsed.unread), 'clip')} cannot be read:"
    lines = [f"  {printable(f'{file}: {why}')}" for file, why in browsed.unread.items()]
    return "\n".join([head, *lines])


def _facts(clip: PipelineClip) -> str:
    start, end = clip.span_seconds
    num_frames, height, width = clip.frames.shape[:3]
    parts = [
        f"{start:.2f} to {end:.2f} s",
        f"{int(clip.video_valid.sum())} of {num_frames} frames valid, {width} x {height}",
        f"{clip.audio_valid.mean():.0%} of {len(clip.waveform)} samples valid, "
        f"{clip.sample_rate} Hz",
        clip.category or "category unknown",
    ]
    if clip.method:
        parts.append(f"method {clip.method}")
    if clip.identity:
        parts.append(f"identity {clip.identity}")
    return " · ".join(parts)


def _label_table(clip: PipelineClip) -> Table:
    return Table(
        ("label of", *TRACKS),
        [
            ("this span", *(_WORDS[clip.labels[track]] for track in TRACKS)),
            ("the whole clip", *(_WORDS[clip.clip_labels[track]] for track in TRACKS)),
        ],
    )


def _description(clip: PipelineClip) -> str:
    said = "; ".join(
        f"{track} {', '.join(_WORDS[label] for label in steps.tolist())}"
        for track, steps in clip.steps.items()
    )
    return f"Frames, spectrogram and waveform. Labels of the time steps: {said}"
