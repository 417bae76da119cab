"""Results on the disk, written as they come, so that a stopped run resumes."""

import glob
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from macbdf_mm.errors import MissingDataError, UnwritableFileError
from macbdf_mm.utils.files import take_lock
from macbdf_mm.utils.shard import WHOLE, Shard

_SYNC_SECONDS = 1.0
# Of the number that says where a line stands: the lower bits are the offset in its file.
_OFFSET_BITS = 48
# There may be more shards than a process may open files.
_MAX_READERS = 100


class Journal:
    """JSON lines of key, stamp and what was found; a context manager, open for adding inside.

    Each shard writes a file of its own, ``x.2-of-8.jsonl`` beside ``x.jsonl``, so that several
    machines can write at the same time. All of them are read, as they are when the journal is
    made: a run without a shard finds what the shards have found.

    A killed process loses nothing that :meth:`add` has returned from. The disk is forced about a
    second after an entry at the latest, and at the end: a machine that loses its power loses
    about the last second.

    An entry is found by its key and stamp together, the newest of several. Lines that are not
    whole, as a killed run leaves them, are passed over. Memory holds where each entry stands,
    not the entry: 130 bytes or so.

    Args:
        path: The file, ``x.jsonl``; it need not exist.
        shard: The part of the work that this process does.
        resume: Whether to read what there is; if not, its own file is emptied when it is opened.
        elsewhere: More files to read, oldest first; those beside it count as newer.
    """

    def __init__(
        self,
        path: str | Path,
        shard: Shard = WHOLE,
        *,
        resume: bool = True,
        elsewhere: Iterable[Path] = (),
    ) -> None:
        path = Path(path)
        self.path = path
        if shard != WHOLE:
            self.path = path.with_name(f"{path.stem}.{shard.index}-of-{shard.count}{path.suffix}")
        pieces = [*elsewhere, *journal_files(path)] if resume else []
        self._resume = resume
        self._sources = pieces if self.path in pieces else [*pieces, self.path]
        self._own = self._sources.index(self.path)
        self._readers: dict[int, BinaryIO] = {}
        self._places: dict[bytes, int] = {}
        for number, source in enumerate(pieces):
            for offset, line in _lines(source):
                self._places[_digest(line["key"], line["stamp"])] = number << _OFFSET_BITS | offset
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._sync_error: OSError | None = None

    def __enter__(self) -> "Journal":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A link that somebody has put there is not followed.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            file = os.fdopen(os.open(self.path, flags, 0o666), "a+b")
        except OSError as error:
            raise self._unwritable(error) from error
        take_lock(
            file.fileno(),
            f"Another process is writing {self.path}: wait for it, or give each a --shard.",
        )
        if not self._resume:
            file.truncate(0)
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":  # A run was killed while it wrote the last line.
                file.write(b"\n")
        self._file = file
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._close_readers()
        if self._file is None:
            return
        self._sync()
        # It tries once more to write what did not fit; the error of the first time is enough.
        with self._lock, suppress(OSError):
            file, self._file = self._file, None
            file.close()
        if self._sync_error is not None and kind is None:
            raise self._unwritable(self._sync_error) from self._sync_error

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: str, stamp: Any) -> dict[str, Any] | None:
        """Return what was found for a key with this stamp, None if nothing was."""
        place = self._places.get(_digest(key, stamp))
        if place is None:
            return None
        line = self._read(place)
        return {name: value for name, value in line.items() if name not in ("key", "stamp")}

    def add(self, key: str, stamp: Any, entry: dict[str, Any]) -> None:
        """Keep an entry; what it holds is plain JSON.

        Raises:
            UnwritableFileError: If the disk is full, say.
            TypeError: If JSON cannot hold it.
        """
        if self._file is None:
            raise RuntimeError("Expected `add` inside of a `with` block of the journal.")
        line = json.dumps({"key": key, "stamp": stamp, **entry}, ensure_ascii=True).encode()
        with self._lock:
            try:
                if self._sync_error is not None:
                    raise self._sync_error
                offset = self._file.seek(0, os.SEEK_END)
                self._file.write(line + b"\n")
                self._file.flush()
            except OSError as error:
                raise self._unwritable(error) from error
            place = self._own << _OFFSET_BITS | offset
            self._places[_digest(key, stamp)] = place
            if self._timer is None:
                self._timer = threading.Timer(_SYNC_SECONDS, self._sync)
                self._timer.daemon = True
                self._timer.start()

    def adopt(self) -> None:
        """Add the entries that only other files have."""
        for place in list(self._places.values()):
            if place >> _OFFSET_BITS != self._own:
                line = self._read(place)
                self.add(line.pop("key"), line.pop("stamp"), line)

    def _read(self, place: int) -> dict[str, Any]:
        number = place >> _OFFSET_BITS
        if number not in self._readers:
            if len(self._readers) == _MAX_READERS:
                self._close_readers()
            self._readers[number] = self._sources[number].open("rb")
        reader = self._readers[number]
        reader.seek(place & (1 << _OFFSET_BITS) - 1)
        line: dict[str, Any] = json.loads(reader.readline())
        return line

    def _close_readers(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _sync(self) -> None:
        with self._lock:
            self._timer = None
            if self._file is None:
                return
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:  # In a thread of its own: the next `add` raises it.
                self._sync_error = error

    def _unwritable(self, error: OSError) -> UnwritableFileError:
        reason = (error.strerror or str(error)).lower()
        return UnwritableFileError(
            f"{self.path} cannot be written ({reason}): make space or choose another place; what "
            "stands in it is kept."
        )


def journal_files(path: str | Path) -> list[Path]:
    """Return the files of a journal that there are, its own and those of shards, oldest first."""
    path = Path(path)
    pattern = f"{glob.escape(path.stem)}.*-of-*{glob.escape(path.suffix)}"
    files = [*path.parent.glob(pattern), *([path] if path.exists() else [])]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def merge_journals(path: str | Path, sources: Iterable[str | Path] = ()) -> int:
    """Return how many entries the journal has after those of all of its files came into it.

    Of several entries of a key and stamp the newest is taken. Files of shards beside it are
    deleted when all is on the disk; ``sources`` from elsewhere stay.

    Args:
        path: The journal, ``x.jsonl``; it need not exist.
        sources: More files, such as those of other machines.

    Raises:
        MissingDataError: If there is nothing to merge, or a source does not exist.
        ConfigError: If a process is writing one of the files.
        UnwritableFileError: If the disk is full, say.
    """
    path = Path(path)
    pieces, given = journal_files(path), [Path(source) for source in sources]
    missing = [source for source in given if not source.is_file()]
    if missing or not (given or pieces):
        raise MissingDataError(f"No journal at {missing[0] if missing else path}.")
    elsewhere = [source for source in given if source not in pieces]
    shards = [piece for piece in pieces if piece != path]
    with ExitStack() as stack:
        for file in (*elsewhere, *shards):
            descriptor = stack.enter_context(file.open("rb")).fileno()
            refusal = f"A process is writing {file}: merge when it is done."
            take_lock(descriptor, refusal, is_shared=True)
        with Journal(path, elsewhere=elsewhere) as journal:
            journal.adopt()
        for shard in shards:
            shard.unlink(missing_ok=True)
    return len(journal)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each whole entry of a file with its offset."""
    if not path.is_file():
        return
    offset = 0
    with path.open("rb") as file:
        for text in file:
            try:
                line = json.loads(text)
                if line.keys() >= {"key", "stamp", "status"}:
                    yield offset, line
            except (ValueError, AttributeError):
                pass  # Half a line, of a run that was killed, or of another format.
            offset += len(text)


def _digest(key: str, stamp: Any) -> bytes:
    text = json.dumps([key, stamp], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()
