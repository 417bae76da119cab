"""What the outer structure of a container says of its clock and its size; no packet is read."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Their packets come by an index or by counting, not by times that each packet states.
_COUNTING_FORMATS = frozenset({"avi", "wav", "mp3", "aac", "ac3", "eac3", "aiff", "w64"})
# The identifiers of Windows Media's header, and of its object that states the size of the file.
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_W64_HEADER = bytes.fromhex("726966662e91cf11a5d628db04c10000")
# Who writes into a pipe does not know the size, and states this or more.
_UNKNOWN_RIFF_BYTES = 0x7FFFF000
# More is damage: no file has so many pieces, nor such large ones (a petabyte).
_MAX_CHUNKS = 10_000
_MAX_FILE_BYTES = 10**15
# Fifty thousand entries: the second that shows something tells all there is to know.
_MAX_EDIT_BYTES = 10**6
_EBML_HEADER, _MATROSKA_SEGMENT = 0x1A45DFA3, 0x18538067


def may_start_anew(path: Path, format_name: str) -> bool:
    """Return whether the clock of a file can start anew somewhere.

    Args:
        path: The file.
        format_name: FFmpeg's name of its container.
    """
    names = set(format_name.split(","))
    with path.open("rb") as file:
        if "mp4" in names:
            return any(kind == b"moof" for kind, _, _ in _boxes(file, 0, _size_of(file)))
        if "matroska" in names:
            return _segment_end(file) < _size_of(file)
    return not names & _COUNTING_FORMATS


def has_joined_pieces(path: Path, format_name: str) -> bool:
    """Return whether an edit list of an mp4 shows a track in more than one piece."""
    if "mp4" not in format_name.split(","):
        return False
    with path.open("rb") as file:
        return any(
            _num_pieces(file, place, end) > 1
            for place, end in _find(file, (b"moov", b"trak", b"edts", b"elst"), 0, _size_of(file))
        )


def first_part_end(path: Path, format_name: str) -> int | None:
    """Return where the first of several files ends that were put together end to end.

    Only in formats of which FFmpeg reads no more than that: MP4 and WAV. None if there is a
    single one.
    """
    names = set(format_name.split(","))
    with path.open("rb") as file:
        if "mp4" in names:
            return _second_movie(file)
        if "wav" in names:
            return _second_riff(file)
    return None


def page_end(path: Path, place: int) -> int:
    """Return where the Ogg page ends in which a packet of the page at a place is complete."""
    with path.open("rb") as file:
        while True:
            head = _read_at(file, place, 27)
            if len(head) < 27 or head[:4] != b"OggS":
                return place
            place += 27 + head[26] + sum(file.read(head[26]))
            # The position is -1 where no packet ends in a page.
            if head[6:14] != b"\xff" * 8:
                return place


def stated_bytes(path: Path) -> int | None:
    """Return how large a file is by its own word; None where the format has no such word.

    FFmpeg takes the length of RIFF (WAV, AVI), Wave64, CAF and Windows Media from the size that the
    file has, so it does not see that such a file was cut.
    """
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
            return _riff_end(file)
        if head[:16] == _W64_HEADER:
            size = int.from_bytes(head[16:24], "little")
            return size if size <= _MAX_FILE_BYTES else None
        if head[:4] == b"caff":
            return _caf_end(file)
        if head[:16] == _ASF_HEADER:
            return _asf_size(file)
    return None


def _second_movie(file: BinaryIO) -> int | None:
    """Return where the second movie of an MP4 begins: with its `ftyp`, or its `moov`."""
    has_movie, head = False, None
    for kind, start, _ in _boxes(file, 0, _size_of(file)):
        if kind == b"ftyp" and has_movie:
            head = start - 8
        elif kind == b"moov" and has_movie:
            return start - 8 if head is None else head
        has_movie = has_movie or kind == b"moov"
    return None


def _second_riff(file: BinaryIO) -> int | None:
    """Return where a second WAV begins."""
    head = _read_at(file, 0, 8)
    size = int.from_bytes(head[4:], "little")
    place = 8 + size + size % 2
    return place if head[:4] == _read_at(file, place, 4) == b"RIFF" else None


def _riff_end(file: BinaryIO) -> int | None:
    """Return where the last chunk ends; large AVI files have several."""
    end = 0
    for _ in range(_MAX_CHUNKS):
        head = _read_at(file, end, 28)
        if len(head) < 8 or head[:4] not in (b"RIFF", b"RIFX", b"RF64"):
            return end if end <= _MAX_FILE_BYTES else None
        size = int.from_bytes(head[4:8], "big" if head[:4] == b"RIFX" else "little")
        if head[:4] == b"RF64" and head[12:16] == b"ds64":
            size = int.from_bytes(head[20:28], "little")
        elif size == 0 or size >= _UNKNOWN_RIFF_BYTES:
            return None
        end += 8 + size + size % 2
    return None


def _caf_end(file: BinaryIO) -> int | None:
    """Return where the sound ends, None if that is not stated."""
    place = 8
    for _ in range(_MAX_CHUNKS):
        head = _read_at(file, place, 12)
        size = int.from_bytes(head[4:], "big", signed=True)
        if len(head) < 12 or size < 0:
            return None
        place += 12 + size
        if head[:4] == b"data":
            return place if place <= _MAX_FILE_BYTES else None
    return None


def _asf_size(file: BinaryIO) -> int | None:
    """Return the size that Windows Media states, None of a broadcast."""
    place = 30
    for _ in range(_MAX_CHUNKS):
        head = _read_at(file, place, 92)
        size = int.from_bytes(head[16:24], "little")
        if len(head) < 92 or size < 24:
            return None
        if head[:16] == _ASF_FILE:
            stated = int.from_bytes(head[40:48], "little")
            is_broadcast = bool(head[88] & 1)
            return None if is_broadcast or stated > _MAX_FILE_BYTES else stated
        place += size
    return None


def _read_at(file: BinaryIO, place: int, num_bytes: int) -> bytes:
    """Return the bytes at a place; none behind the end, where some file systems cannot seek."""
    if place >= _size_of(file):
        return b""
    file.seek(place)
    return file.read(num_bytes)


def _size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _boxes(file: BinaryIO, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, the start of the content and the end of each box from a place on."""
    while place + 8 <= end:
        file.seek(place)
        header = file.read(16)
        size, kind = struct.unpack(">I4s", header[:8]) if len(header) >= 8 else (0, b"")
        length = 8
        if size == 1 and len(header) == 16:
            size, length = struct.unpack(">Q", header[8:])[0], 16
        size = size or end - place
        if size < length:
            return
        yield kind, place + length, min(place + size, end)
        place += size


def _find(
    file: BinaryIO, kinds: tuple[bytes, ...], place: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield where the content of each box begins and ends that lies along a path of kinds."""
    for kind, start, stop in _boxes(file, place, end):
        if kind != kinds[0]:
            continue
        if len(kinds) == 1:
            yield start, stop
        else:
            yield from _find(file, kinds[1:], start, stop)


def _num_pieces(file: BinaryIO, place: int, end: int) -> int:
    """Return how many entries of an edit list show something; one without a time is a pause."""
    file.seek(place)
    content = file.read(min(end - place, _MAX_EDIT_BYTES))
    if len(content) < 8:
        return 0
    version, count = content[0], int.from_bytes(content[4:8])
    size, time = (20, slice(8, 16)) if version == 1 else (12, slice(4, 8))
    entries = [content[k : k + size] for k in range(8, min(len(content), 8 + count * size), size)]
    return sum(entry[time] != b"\xff" * len(entry[time]) for entry in entries)


def _segment_end(file: BinaryIO) -> int:
    """Return where the first segment of a Matroska file ends; 0 if it does not say."""
    place = 0
    for expected in (_EBML_HEADER, _MATROSKA_SEGMENT):
        file.seek(place)
        head = file.read(12)
        if len(head) < 12 or int.from_bytes(head[:4]) != expected:
            return 0
        length = 9 - head[4].bit_length()
        if not 1 <= length <= 8:
            return 0
        size = int.from_bytes(head[4 : 4 + length]) & ((1 << 7 * length) - 1)
        if size == (1 << 7 * length) - 1:
            return 0
        place += 4 + length + size
    return place
