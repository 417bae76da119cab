"""The faces of a whole data set: what ``macbdf faces`` does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import convert

from macbdf_mm.datasets.annotation import Annotation, load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.faces.crop_row import crop_row
from macbdf_mm.prepare.faces.preparation_report import PreparationReport
from macbdf_mm.prepare.faces.prepare_clip import ClipResult, ClipWorker, PreparationSettings
from macbdf_mm.utils.files import write_json
from macbdf_mm.utils.jobs import Engine, Job, Result, run_jobs
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.progress import Progress, with_progress
from macbdf_mm.utils.shard import WHOLE, Shard

JOURNAL_FILE = "results.jsonl"


def prepare_faces(
    annotation_path: str | Path,
    data_root: str | Path,
    out_dir: str | Path,
    settings: PreparationSettings,
    engine: Engine,
    progress: Progress = lambda what, finished, total: None,
    shard: Shard = WHOLE,
    retry_failed: bool = False,
) -> PreparationReport:
    """Find the faces of all clips, and write boxes or crops into a folder.

    Results are kept in ``results.jsonl`` as they come, so that a stopped run resumes.
    ``report.json`` is written every time, ``annotation.json`` (and, with crops, ``failed.json``)
    when all clips are done: those of other shards count, and a run without a shard finds them.

    Args:
        annotation_path: The clips, in the project's annotation format.
        data_root: The folder to which their files are relative.
        out_dir: Where everything goes.
        settings: What is made.
        engine: Where the work is done, and how long a clip may take.
        progress: Told after each clip.
        shard: Which part of the clips is prepared.
        retry_failed: Whether to prepare clips again that failed in an earlier run.

    Raises:
        MissingDataError: If annotation or data folder do not exist.
        AnnotationError: If the annotation breaks the format.
        ConfigError: If there is no such detector.
        MissingBackendError: If the detector's package is not installed.
        UnwritableFileError: If a crop or another file cannot be written: the disk is full, say.
    """
    out_dir, data_root = Path(out_dir), Path(data_root)
    annotation = load_annotation(annotation_path)
    if not data_root.is_dir():
        raise MissingDataError(f"No data folder at {data_root}; check `--data-root`.")
    keyed = [(row, settings.key(row, data_root / row.file)) for row in annotation.rows]
    jobs = {key: Job(row.file, (row, key), key) for row, key in keyed}
    mine = [job for job in jobs.values() if shard.has(job.key)]

    def is_lost(clip: ClipResult) -> bool:
        return clip.crop_file is not None and not (out_dir / clip.crop_file).is_file()

    def is_stale(result: Result) -> bool:
        clip = _clip_result(result.job, result.value, result.error)
        return is_lost(clip) or (retry_failed and clip.status == "failed")

    results: dict[str, ClipResult] = {}
    worker = ClipWorker(data_root, out_dir, settings)
    with Journal(out_dir / JOURNAL_FILE, shard) as journal:
        for key, job in jobs.items():
            if (entry := journal.find(job.key, key)) is not None:
                clip = _clip_result(job, entry.get("value"), entry.get("error"))
                if not is_lost(clip):
                    results[key] = clip
        mine.sort(key=lambda job: job.stamp not in results)
        for result in with_progress(
            run_jobs(worker, mine, engine, journal, is_stale=is_stale),
            "faces",
            len(mine),
            progress,
        ):
            results[result.job.stamp] = _clip_result(result.job, result.value, result.error)
    done = [(row, results.get(key)) for row, key in keyed]
    report = PreparationReport(out_dir, settings.record(), tuple(done))
    write_json(report.as_dict(), report.path)
    if report.num_outstanding == 0:
        _write_annotations(annotation, report, settings)
    return report


def _clip_result(job: Job, value: dict[str, Any] | None, error: str | None) -> ClipResult:
    """Return what a worker found, or that it found nothing because of an error."""
    if value is None:
        return ClipResult(job.key, job.stamp, "failed", error)
    return convert(value, ClipResult)


def _write_annotations(
    annotation: Annotation, report: PreparationReport, settings: PreparationSettings
) -> None:
    done = [(row, result) for row, result in report.clips if result is not None]
    failed = [_failed_row(row, result) for row, result in done if result.status == "failed"]
    good = [(row, result) for row, result in done if result.status != "failed"]
    metainfo = {
        **annotation.metainfo,
        "faces": {**settings.record(), "num_found": len(good), "num_failed": len(failed)},
    }
    if settings.crops is None:
        by_file = {row.file: row for row in failed}
        rows = [by_file.get(row.file) or replace(row, faces=result.faces) for row, result in done]
        save_annotation(report.annotation_path, metainfo, rows)
        return
    save_annotation(report.annotation_path, metainfo, _crop_rows(good))
    save_annotation(report.failed_path, metainfo, failed)


def _crop_rows(good: Sequence[tuple[ClipRow, ClipResult]]) -> list[ClipRow]:
    return [
        crop_row(row, result.crop_file, result.crop_seconds, result.crop_face)
        for row, result in good
        if result.crop_file and result.crop_seconds and result.crop_face
    ]


def _failed_row(row: ClipRow, result: ClipResult) -> ClipRow:
    extra: Mapping[str, Any] = {**row.extra, "face_failure": result.reason}
    return replace(row, faces=result.faces, extra=extra)
