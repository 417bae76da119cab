"""The demo data set: rendered, forged, encoded and annotated in one folder."""

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from demo.clip_plan import PlannedClip, PlannedGroup, PlannedSource, plan_clips, rows_of
from demo.identity import draw_identity
from demo.performance import Performance, render_performance, say_something_else
from demo.scene import level_out
from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.operators import AUDIO_OPERATORS, VIDEO_OPERATORS
from macbdf_mm.errors import (
    ArgumentError,
    ConfigError,
    ForgeryToolboxError,
    UnwritableFileError,
)
from macbdf_mm.media.writer import write_clip
from macbdf_mm.structures.labels import FAKE
from macbdf_mm.utils.files import replacing, write_json
from macbdf_mm.utils.jobs import Job, run_jobs
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.progress import Progress

GENERATOR_VERSION = 1
"""Increase it when the same seed gives other clips; older folders are then not resumed."""
DEFAULT_NUM_CLIPS = 1000

_SETTINGS_FILE = "demo_settings.json"
_CRF_RANGE = (19, 28)
_AUDIO_BIT_RATES = (48_000, 64_000, 80_000, 96_000)
# First numbers of the seeds of each kind of draw.
_IDENTITY_DRAW, _PERFORMANCE_DRAW, _CLIP_DRAW = 1, 2, 3
_STAYS = "What is rendered stays: run it again."
# These replace words: in the demo set by words of the same voice.
_NEEDS_OTHER_SPEECH = ("word_splice", "dubbing")


@dataclass(frozen=True)
class DemoSettings:
    """Settings that determine the contents of the demo set.

    Attributes:
        num_clips: Clips in all splits together.
        seed: Of everything random.
        size: Height and width of the frames, in pixels.
    """

    num_clips: int = DEFAULT_NUM_CLIPS
    seed: int = 0
    size: int = 128


def build_demo_dataset(
    out_dir: str | Path,
    settings: DemoSettings,
    num_workers: int = 2,
    progress: Progress = lambda what, finished, total: None,
) -> Path:
    """Return the path of the annotation of a demo set, made or completed in ``out_dir``.

    Clips that are already there are kept: a run that was stopped resumes. The annotation is
    written last and is the same, byte for byte, for the same settings.

    Args:
        out_dir: A new or empty folder, or one begun with the same settings.
        settings: What the set holds.
        num_workers: Processes that render; 0 or 1 renders in this one.
        progress: Called with what is done, the clips finished so far and the clips in all.

    Raises:
        ArgumentError: If the settings are out of range.
        ConfigError: If the folder holds something else, or a set of other settings.
        ForgeryToolboxError: If a clip cannot be written.
    """
    out_dir = Path(out_dir)
    if settings.size < 64 or settings.size % 2:
        raise ArgumentError(f"Expected `size` to be even and at least 64, got {settings.size}.")
    groups = plan_clips(settings.num_clips, settings.seed)
    _claim_folder(out_dir, settings)
    render = partial(render_group, out_dir=out_dir, settings=settings)
    jobs = [Job(group[0].clips[0].row.file, group) for group in groups]
    finished = 0
    progress("rendering", finished, settings.num_clips)
    try:
        for result in run_jobs(render, jobs, LocalEngine(num_workers)):
            if result.status != "done":
                raise ForgeryToolboxError(f"{result.error} {_STAYS}")
            finished += result.value
            progress("rendering", finished, settings.num_clips)
    except UnwritableFileError as error:
        raise UnwritableFileError(f"{error} {_STAYS}") from error
    annotation = out_dir / "annotation.json"
    metainfo = {"dataset": "macbdf_demo", "synthetic": True, "generator": GENERATOR_VERSION}
    save_annotation(annotation, {**metainfo, **asdict(settings)}, rows_of(groups))
    return annotation


def render_group(group: PlannedGroup, out_dir: Path, settings: DemoSettings) -> int:
    """Write the clips of a group that are not there yet; return how many it has."""
    files = [out_dir / clip.row.file for source in group for clip in source.clips]
    if all(file.exists() for file in files):
        return len(files)
    # Sums over another number of threads round differently, and a decomposition can turn on it.
    with threadpool_limits(limits=1):
        performances = [perform(source, settings) for source in group]
        for index, source in enumerate(group):
            donor = performances[(index + 1) % len(group)] if len(group) > 1 else None
            for clip in source.clips:
                path = out_dir / clip.row.file
                if not path.exists():
                    forged = forge_clip(clip, performances[index], donor, settings)
                    _write(path, forged, clip, settings)
    return len(files)


def perform(source: PlannedSource, settings: DemoSettings) -> Performance:
    """Return the planned performance, rendered."""
    who = np.random.default_rng([settings.seed, _IDENTITY_DRAW, source.identity_key])
    what = np.random.default_rng([settings.seed, _PERFORMANCE_DRAW, source.key])
    return render_performance(draw_identity(who), source.duration_seconds, what, settings.size)


def forge_clip(
    planned: PlannedClip,
    performance: Performance,
    donor: Performance | None,
    settings: DemoSettings,
) -> Clip:
    """Return the planned clip before encoding: the performance with its forged tracks."""
    rng = np.random.default_rng([settings.seed, _CLIP_DRAW, planned.key])
    row, clip = planned.row, performance.clip
    whole = (0.0, performance.articulation.duration_seconds)
    frames, waveform = clip.frames, clip.waveform
    if row.video_label == FAKE:
        method = row.extra["video_method"]
        giver = donor.clip if donor is not None and method == "blended_patch" else None
        forge = partial(VIDEO_OPERATORS[method], strength=row.extra["video_strength"], donor=giver)
        for interval in row.video_fake_intervals or (whole,):
            frames = forge(replace(clip, frames=frames), interval, rng)
    if row.audio_label == FAKE:
        method = row.extra["audio_method"]
        giver = say_something_else(performance, rng) if method in _NEEDS_OTHER_SPEECH else None
        forge = partial(AUDIO_OPERATORS[method], strength=row.extra["audio_strength"], donor=giver)
        for interval in row.audio_fake_intervals or (whole,):
            waveform = forge(replace(clip, waveform=waveform), interval, rng)
    return replace(clip, frames=frames, waveform=waveform)


def _write(path: Path, clip: Clip, planned: PlannedClip, settings: DemoSettings) -> None:
    """Encode the clip; how is drawn apart from how it was made, so that it tells nothing."""
    rng = np.random.default_rng([settings.seed, _CLIP_DRAW, planned.key, 1])
    with replacing(path) as unfinished:
        write_clip(
            unfinished,
            clip.frames,
            clip.fps,
            level_out(clip.waveform, rng),
            clip.sample_rate,
            crf=int(rng.integers(_CRF_RANGE[0], _CRF_RANGE[1] + 1)),
            audio_bit_rate=int(rng.choice(_AUDIO_BIT_RATES)),
        )


def _claim_folder(out_dir: Path, settings: DemoSettings) -> None:
    """Mark the folder as a demo set of these settings, or say why it cannot be one."""
    mark = out_dir / _SETTINGS_FILE
    wanted = {"generator": GENERATOR_VERSION, **asdict(settings)}
    if mark.exists():
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(
                f"{mark} cannot be read ({error}); remove {out_dir} or choose another folder."
            ) from error
        if found != wanted:
            raise ConfigError(
                f"{out_dir}: holds a demo set made with {found}, not {wanted}; "
                "remove the folder or choose another."
            )
        return
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise ConfigError(f"{out_dir}: is not empty and holds no demo set; choose a new folder.")
    write_json(wanted, mark, indent=None)
