"""Decoding every file of a data set, in parallel, from where a stopped run left off."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DEFAULT_TIME_LIMIT_SECONDS, DecodingProcess
from macbdf_mm.media.measure import MediaMeasures, measure_file
from macbdf_mm.media.probe import MediaInfo
from macbdf_mm.prepare.converters.inspect_files import Progress
from macbdf_mm.prepare.converters.journal import Journal
from macbdf_mm.prepare.converters.media_tree import FileStamp

# Muxers round lengths, and the tracks of a file need not end together.
_MAX_LENGTH_ERROR_SECONDS = 0.5
_WHAT = "decoding files"
_LIMIT = "time_limit_seconds"


@dataclass(frozen=True)
class FileCheck:
    """One annotated file after its check.

    Attributes:
        measures: What decoding it gave, None if it cannot be read.
        error: Why it cannot be read, None if it can.
    """

    measures: MediaMeasures | None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which :meth:`from_json` makes the check again."""
        if self.measures is None:
            return {"error": self.error}
        return asdict(self.measures)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FileCheck":
        """Return the check that :meth:`to_json` wrote."""
        if "error" in values:
            return cls(None, str(values["error"]))
        known = {field.name: values[field.name] for field in fields(MediaMeasures)}
        return cls(MediaMeasures(**{**known, "info": MediaInfo(**values["info"])}))


@dataclass(frozen=True)
class CheckSettings:
    """How files are checked.

    Attributes:
        num_workers: Files that are decoded at the same time, each in a process of its own.
        time_limit_seconds: How long one file may take.
        max_seconds: Decode no further than this into each file; None decodes all of it.
    """

    num_workers: int = 2
    time_limit_seconds: float = 5 * DEFAULT_TIME_LIMIT_SECONDS
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.num_workers < 1:
            raise ValueError(f"Expected `num_workers` > 0, got {self.num_workers}.")
        for name in ("time_limit_seconds", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Expected `{name}` > 0, got {value}.")


def check_files(
    files: Sequence[str],
    root: str | Path,
    journal_path: Path,
    settings: CheckSettings,
    progress: Progress,
) -> dict[str, FileCheck]:
    """Return the check of each file; none of them can crash or hang this process.

    Args:
        files: Paths relative to ``root``.
        root: The data folder.
        journal_path: JSON lines with what was found. Files that are in it, and have the same
            size and time of change, are not decoded again; unreadable ones are if they may now
            take longer.
        settings: How to check.
        progress: Told after each file.

    Raises:
        MissingDataError: If there is no such folder, or none of the files is in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise MissingDataError(f"No data folder at {root}; check `--data-root`.")
    kind = "measures" if settings.max_seconds is None else f"measures:{settings.max_seconds:g}"
    checks: dict[str, FileCheck] = {}
    stamps: dict[str, tuple[FileStamp]] = {}
    files = list(dict.fromkeys(files))
    with Journal(journal_path) as journal:
        for file in files:
            stamp = _stamp(root / file)
            if stamp is None:
                checks[file] = FileCheck(None, f"No file at {root / file}.")
                continue
            stamps[file] = (stamp,)
            known = journal.get(kind, file, stamps[file])
            if known is not None and not _deserves_longer(known, settings):
                checks[file] = FileCheck.from_json(known)
        if files and not stamps:
            raise MissingDataError(
                f"None of the {len(files)} files is below {root}, such as {files[0]}; check "
                "`--data-root`."
            )
        todo = [file for file in files if file not in checks]
        progress(_WHAT, len(checks), len(files))
        with _Workers(root, settings) as workers:
            for file, check in workers.run(todo):
                checks[file] = check
                result = {**check.to_json(), _LIMIT: settings.time_limit_seconds}
                journal.put(kind, [(file, stamps[file], result)])
                progress(_WHAT, len(checks), len(files))
    return {file: checks[file] for file in files}


def _deserves_longer(known: dict[str, Any], settings: CheckSettings) -> bool:
    """Return whether a file that was given up may be read in the time it has now."""
    return "error" in known and known[_LIMIT] < settings.time_limit_seconds


class _Workers:
    """Threads that each wait for a decoding process of their own."""

    def __init__(self, root: Path, settings: CheckSettings) -> None:
        self._root = root
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.num_workers)
        self._own = threading.local()
        self._processes: list[DecodingProcess] = []

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if kind is not None:  # Stopped: what is being decoded is not waited for.
            for process in self._processes:
                process.abort()
        self._pool.shutdown()
        for process in self._processes:
            process.close()

    def run(self, files: Iterable[str]) -> Iterator[tuple[str, FileCheck]]:
        """Yield each file with its check, in the order in which they are done."""
        todo = iter(files)
        # A few ahead, so that no worker waits; not all, for there may be a million.
        waiting = {self._submit(file) for file in islice(todo, 2 * self._settings.num_workers)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
                waiting |= {self._submit(file) for file in islice(todo, 1)}

    def _submit(self, file: str) -> Future[tuple[str, FileCheck]]:
        return self._pool.submit(self._check, file)

    def _check(self, file: str) -> tuple[str, FileCheck]:
        if not hasattr(self._own, "process"):
            self._own.process = DecodingProcess(self._settings.time_limit_seconds)
            self._processes.append(self._own.process)
        process: DecodingProcess = self._own.process
        try:
            path = self._root / file
            return file, FileCheck(process.call(measure_file, path, self._settings.max_seconds))
        except (UndecodableMediaError, MissingDataError) as error:
            return file, FileCheck(None, str(error))


def _stamp(path: Path) -> FileStamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return FileStamp(stat.st_size, stat.st_mtime_ns)


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
        remarks.append(f"{measures.num_damaged_packets} packets do not decode")
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
