"""Decoding every file of a data set, none of which can crash or hang the run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msgspec import convert

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ArgumentError, MissingDataError
from macbdf_mm.media.measure import MediaMeasures, measure_file
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import FileStamp
from macbdf_mm.utils.jobs import Engine, Job, Result, run_jobs
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.progress import Progress, with_progress
from macbdf_mm.utils.shard import WHOLE, Shard

# Part of the stamps: raised when what is measured changes its meaning.
_VERSION = 1
# Muxers round lengths, and the tracks of a file need not end together.
_MAX_LENGTH_ERROR_SECONDS = 0.5


@dataclass(frozen=True)
class FileCheck:
    """One annotated file after its check.

    Attributes:
        measures: What decoding it gave, None if it cannot be read.
        error: Why it cannot be read, None if it can.
    """

    measures: MediaMeasures | None
    error: str | None = None

    @classmethod
    def of(cls, result: Result) -> "FileCheck":
        """Return the check that a job of :class:`MeasureFile` made."""
        if result.status != "done":
            return cls(None, result.error)
        return cls(convert(result.value, MediaMeasures))


@dataclass(frozen=True)
class MeasureFile:
    """A worker that returns the measures of a file as plain values.

    Attributes:
        root: The data folder.
        max_seconds: Decode no further than this into each file; None decodes all of it.
    """

    root: Path
    max_seconds: float | None

    def __call__(self, file: str) -> dict[str, Any]:
        """Return the fields of :class:`macbdf_mm.media.measure.MediaMeasures`."""
        return asdict(measure_file(self.root / file, self.max_seconds))


def check_files(
    files: Sequence[str],
    root: str | Path,
    journal_path: Path,
    engine: Engine,
    progress: Progress,
    max_seconds: float | None = None,
    shard: Shard = WHOLE,
) -> dict[str, FileCheck]:
    """Return the check of each file of a shard.

    Args:
        files: Paths relative to ``root``.
        root: The data folder.
        journal_path: What was found by earlier runs and by other shards, and where to keep it. A
            file is decoded again if its size, its time of change or ``max_seconds`` is another,
            or if it was given up.
        engine: Where files are decoded, and how long one may take.
        progress: Told after each file.
        max_seconds: Decode no further than this into each file; None decodes all of it.
        shard: Which part of the files is checked.

    Raises:
        ValueError: If ``max_seconds`` is not positive.
        MissingDataError: If there is no such folder, or none of the files is in it.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise ArgumentError(f"Expected `max_seconds` > 0, got {max_seconds}.")
    root = Path(root)
    if not root.is_dir():
        raise MissingDataError(f"No data folder at {root}; check `--data-root`.")
    stamps = {file: FileStamp.of(root / file) for file in files}
    if files and not any(stamps.values()):
        raise MissingDataError(
            f"No file is below {root}: {counted(len(stamps), 'file')} missing, such as {files[0]}; "
            "check `--data-root`."
        )
    mine = {file: stamp for file, stamp in stamps.items() if shard.has(file)}
    checks = {file: FileCheck(None, f"No file at {root / file}.") for file in mine}
    with Journal(journal_path, shard) as journal:
        jobs = [
            Job(file, file, [_VERSION, max_seconds, stamp.as_json()])
            for file, stamp in mine.items()
            if stamp is not None
        ]
        jobs.sort(key=lambda job: journal.find(job.key, job.stamp) is None)
        for result in with_progress(
            run_jobs(MeasureFile(root, max_seconds), jobs, engine, journal),
            "decoding files",
            len(jobs),
            progress,
        ):
            checks[result.key] = FileCheck.of(result)
    return checks


def remarks_on(row: ClipRow, check: FileCheck) -> list[str]:
    """Return what is unusual about a file that can be read, each in a few words.

    Args:
        row: What the annotation says of it.
        check: The check of its file.
    """
    if check.measures is None:
        return []
    measures, info = check.measures, check.measures.info
    remarks = []
    if measures.num_damaged_packets:
        remarks.append(
            f"{measures.num_damaged_packets} packets do not decode, or not without errors"
        )
    if info.missing_seconds > _MAX_LENGTH_ERROR_SECONDS:
        remarks.append(f"cut short, {info.missing_seconds:.1f} s are missing")
    if not info.has_video:
        remarks.append("no video")
    if not info.has_audio:
        remarks.append("no sound")
    if measures.peak == 0:
        remarks.append("silent sound")
    annotated = row.duration_seconds
    if annotated and abs(annotated - info.duration_seconds) > _MAX_LENGTH_ERROR_SECONDS:
        remarks.append(f"lasts {info.duration_seconds:.1f} s, annotated {annotated:.1f} s")
    starts = [start for start, _ in (*row.video_fake_intervals, *row.audio_fake_intervals)]
    if starts and max(starts) >= info.duration_seconds:
        remarks.append(f"a fake interval starts at {max(starts):.1f} s, after its end")
    return remarks
