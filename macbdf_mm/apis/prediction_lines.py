"""A file with a prediction on each line, which a run that was stopped goes on with."""

import json
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from macbdf_mm.apis.prediction import json_line
from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.utils.files import check_writable, is_stream, take_lock
from macbdf_mm.utils.journal import journal_files
from macbdf_mm.utils.shard import WHOLE, Shard

_READ_BYTES = 2**20


class PredictionLines:
    """JSON lines of predictions; a context manager, open for adding inside.

    Whole lines that stand in the file are kept, and the rest of one that was cut off is removed.
    A shard writes a file of its own, ``x.2-of-8.jsonl`` beside ``x.jsonl``; a run without one takes
    over the lines of all shards. Memory takes nine bytes for each line that was there.

    Args:
        path: The file, ``x.jsonl``; it need not exist. To a pipe or a device lines are only added.
        settings: The :attr:`~macbdf_mm.apis.prediction.Prediction.settings` of this run.
        shard: The part of the files that this process scores.
        resume: Whether to keep what stands there; if not, the file is emptied.

    Attributes:
        counts: How many of the lines that were kept have which verdict, or without one which
            status.
        are_all_ok: Whether all of these have scores.
    """

    def __init__(
        self, path: str | Path, settings: str, shard: Shard = WHOLE, *, resume: bool = True
    ) -> None:
        self.path = lines_of(path, shard)
        self.counts: Counter[str] = Counter()
        self.are_all_ok = True
        self._settings = settings
        self._resume = resume
        self._shards = [
            piece for piece in journal_files(path) if piece != Path(path) and shard == WHOLE
        ]
        self._known = _Names(array("Q"))
        self._file: BinaryIO | None = None
        self._is_file = False

    def __enter__(self) -> "PredictionLines":
        check_writable(self.path)
        self._is_file = not is_stream(self.path)
        if not self._is_file:
            self._file = self.path.open("ab", buffering=0)
            return self
        self._file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        refusal = f"Another process is writing {self.path}: wait for it, or give each a --shard."
        try:
            take_lock(self._file.fileno(), refusal)
            if self._resume:
                self._keep_lines()
            else:
                self._file.truncate(0)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def take(self, name: str) -> bool:
        """Return whether a line of a file was kept; a file that is named twice has two."""
        return self._known.take(name)

    def add(self, prediction: Mapping[str, Any]) -> None:
        """Write a line; one that does not fit leaves no half of it.

        Raises:
            UnwritableFileError: If the disk is full, say.
        """
        self._write(json_line(prediction))

    def _write(self, line: bytes) -> None:
        if self._file is None:
            raise RuntimeError("Expected `add` inside of a `with` block of the lines.")
        end = self._file.seek(0, os.SEEK_END) if self._is_file else 0
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._is_file:
                self._file.truncate(end)
            reason = (error.strerror or str(error)).lower()
            raise UnwritableFileError(
                f"{self.path} cannot be written ({reason}): make space or choose another place; "
                "the lines in it are whole, and the same command goes on behind them."
            ) from error

    def _keep_lines(self) -> None:
        assert self._file is not None
        digests: array[int] = array("Q")
        end = 0
        for line in _whole_lines(self._file):
            digests.append(self._note(line, self.path))
            end += len(line)
        self._file.truncate(end)
        self._known = _Names(digests)
        for shard in self._shards:
            with shard.open("rb") as piece:
                for line in _whole_lines(piece):
                    if self._known.has(_name_of(line, shard)):
                        continue
                    digests.append(self._note(line, shard))
                    self._write(line)
            self._known = _Names(digests)

    def _note(self, line: bytes, path: Path) -> int:
        """Return the digest of the file that a line is about."""
        found = _parse(line, path)
        if found.settings != self._settings:
            raise ConfigError(
                f"'{path}' holds scores that were made with other weights, another config or other "
                f"options, such as that of '{found.file}'; choose another file, or begin it anew "
                "with --no-resume."
            )
        self.counts[found.verdict or found.status] += 1
        self.are_all_ok &= found.status == "ok"
        return _digest(found.file)


def lines_of(path: str | Path, shard: Shard) -> Path:
    """Return the file that a shard writes to, in place of the one that is named for all."""
    path = Path(path)
    if shard == WHOLE:
        return path
    return path.with_name(f"{path.stem}.{shard.index}-of-{shard.count}{path.suffix}")


class _Line(msgspec.Struct):
    """What is looked at of a line; the rest is passed over."""

    file: str
    status: str
    verdict: str | None
    settings: str | None = None


class _Names:
    """Names of files by their digests, some of them several times.

    Args:
        digests: In any order.
    """

    def __init__(self, digests: "array[int]") -> None:
        self._digests = np.sort(np.array(digests, np.uint64))
        self._is_taken = np.zeros(len(digests), np.bool_)

    def has(self, name: str) -> bool:
        """Return whether a name is there."""
        return next(self._places(name), None) is not None

    def take(self, name: str) -> bool:
        """Return whether a name is there that was not taken, and take it."""
        for place in self._places(name):
            if not self._is_taken[place]:
                self._is_taken[place] = True
                return True
        return False

    def _places(self, name: str) -> Iterator[int]:
        digest = np.uint64(_digest(name))
        place = int(np.searchsorted(self._digests, digest))
        while place < len(self._digests) and self._digests[place] == digest:
            yield place
            place += 1


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that end with a line feed."""
    file.seek(0)
    rest = b""
    while block := file.read(_READ_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in lines)


def _name_of(line: bytes, path: Path) -> str:
    return _parse(line, path).file


def _parse(line: bytes, path: Path) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # Odd bytes in the name of a file, as JSON states them, are nothing for msgspec.
        return msgspec.convert(json.loads(line), _Line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"'{path}' holds a line that is no prediction ({line[:40]!r}); choose another file, or "
            "begin it anew with --no-resume."
        ) from error


def _digest(name: str) -> int:
    text = name.encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
