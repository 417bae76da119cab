"""The faces of a whole data set: what ``tools/prepare_faces.py`` does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import Annotation, load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.faces.crop_row import crop_row
from macbdf_mm.prepare.faces.preparation_report import PreparationReport
from macbdf_mm.prepare.faces.prepare_clip import ClipResult, PreparationSettings
from macbdf_mm.prepare.faces.result_journal import ResultJournal, read_results
from macbdf_mm.prepare.faces.worker_pool import ClipJob, run_jobs
from macbdf_mm.utils.files import write_json

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is in all."""


@dataclass(frozen=True)
class RunOptions:
    """How the work is done; nothing here changes its result.

    Attributes:
        num_workers: Processes; 0 or 1 works in this one.
        shard: Number of this shard, from 0, and how many there are: it prepares every so
            many-th clip.
        retry_failed: Whether to prepare clips again that failed in an earlier run.
    """

    num_workers: int = 1
    shard: tuple[int, int] = (0, 1)
    retry_failed: bool = False

    def __post_init__(self) -> None:
        """Check the shard.

        Raises:
            ValueError: If there is no such shard.
        """
        index, count = self.shard
        if not 0 <= index < count:
            raise ValueError(f"Expected `shard` I/N with 1 <= I <= N, got {index + 1}/{count}.")


def prepare_faces(
    annotation_path: str | Path,
    data_root: str | Path,
    out_dir: str | Path,
    settings: PreparationSettings,
    options: RunOptions | None = None,
    progress: Progress = lambda what, finished, total: None,
) -> PreparationReport:
    """Find the faces of all clips, and write boxes or crops into a folder.

    Results are kept in ``out_dir`` as they come; a run that was stopped goes on where it was.
    ``report.json`` is written every time, ``annotation.json`` (and, with crops, ``failed.json``)
    when all clips, those of other shards included, are done.

    Args:
        annotation_path: The clips, in the project's annotation format.
        data_root: The folder to which their files are relative.
        out_dir: Where everything goes.
        settings: What is made.
        options: How the work is done.
        progress: Told after each clip.

    Raises:
        MissingDataError: If annotation or data folder do not exist.
        AnnotationError: If the annotation breaks the format.
        ConfigError: If there is no such detector.
        MissingBackendError: If the detector's package is not installed.
    """
    options = options or RunOptions()
    out_dir, data_root = Path(out_dir), Path(data_root)
    annotation = load_annotation(annotation_path)
    if not data_root.is_dir():
        raise MissingDataError(f"No data folder at {data_root}; check `--data-root`.")
    jobs = [ClipJob(row, data_root / row.file, "") for row in annotation.rows]
    jobs = [replace(job, key=settings.key(job.row, job.path)) for job in jobs]
    results = _known(out_dir, options.retry_failed)
    mine = jobs[options.shard[0] :: options.shard[1]]
    todo = [job for job in mine if job.key not in results]
    finished = len(mine) - len(todo)
    progress("faces", finished, len(mine))
    with ResultJournal(out_dir, options.shard) as journal:
        for result in run_jobs(todo, out_dir, settings, options.num_workers) if todo else ():
            journal.add(result)
            finished += 1
            progress("faces", finished, len(mine))
    # Read anew: other shards may have gone on meanwhile.
    results = _known(out_dir, retry_failed=False)
    done = [(job.row, results.get(job.key)) for job in jobs]
    report = PreparationReport(out_dir, settings.record(), tuple(done))
    write_json(report.as_dict(), report.path)
    if report.num_outstanding == 0:
        _write_annotations(annotation, report, settings)
    return report


def _known(out_dir: Path, retry_failed: bool) -> dict[str, ClipResult]:
    """Return the results that hold, by their keys."""
    return {
        key: result
        for key, result in read_results(out_dir).items()
        if not (retry_failed and result.status == "failed")
        and (result.crop_file is None or (out_dir / result.crop_file).is_file())
    }


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
