"""What the outer structure of a container says of its clock, without reading any packet."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Their packets come by an index or by counting, not by times that each packet states.
_COUNTING_FORMATS = frozenset({"avi", "wav", "mp3", "aac", "flac", "ac3", "eac3", "aiff", "w64"})
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
    content = file.read(end - place)
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
