"""Seeded damage to media files, as disks, networks and people with bad intentions do it."""

from collections.abc import Callable

import numpy as np

# What announces a size, a count, a time or a table in mp4 and mov, AVI and WAV, Matroska (WebM),
# FLV, Ogg, MPEG program and transport streams, ADTS, and MP3.
MARKERS = (
    *(b"moov", b"trak", b"mdia", b"stbl", b"stsd", b"stts", b"stsz", b"stco", b"stsc", b"stss"),
    *(b"ctts", b"elst", b"mvhd", b"mdhd", b"tkhd", b"avcC", b"esds", b"mdat", b"ftyp"),
    *(b"RIFF", b"LIST", b"avih", b"strh", b"strf", b"movi", b"idx1", b"00dc", b"01wb"),
    *(b"fmt ", b"data", b"FLV\x01", b"duration", b"OggS", b"\0\0\x01\xba", b"\0\0\x01\xe0"),
    *(
        b"\0\0\x01\xc0",
        b"\x47\x40",
        b"\x47\x41",
        b"\xff\xf1",
        b"\xff\xfb",
        b"ID3",
        b"Xing",
        b"Info",
    ),
    *(b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75"),
    *(b"\x1c\x53\xbb\x6b", b"\x15\x49\xa9\x66", b"\x2a\xd7\xb1", b"\x44\x89", b"\xa3", b"\x63\xa2"),
)
# The last three are infinity, a number that is none, and 1e18 where a float is read.
LIARS = (0, 1, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7FC00000, 0x5D5E0B6B)

Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def flip_bytes(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Change single bytes anywhere."""
    for place in rng.integers(0, len(content), rng.integers(1, 60)):
        content[place] ^= int(rng.integers(1, 256))
    return content


def damage_run(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put noise in the place of a run of bytes."""
    start, end = _range(content, rng, 2000)
    content[start:end] = rng.bytes(end - start)
    return content


def truncate(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Cut off the end."""
    return content[: int(rng.uniform(0.02, 0.99) * len(content))]


def zero_range(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put zeros in the place of up to a third of the file."""
    start, end = _range(content, rng, len(content) // 3)
    content[start:end] = bytes(end - start)
    return content


def duplicate_block(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Insert a block a second time."""
    start, end = _range(content, rng, 4000)
    return content[:end] + content[start:]


def remove_block(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Leave out a block in the middle."""
    start, end = _range(content, rng, 4000)
    return content[:start] + content[end:]


def damage_ends(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Change bytes where headers and indices are: in the first 600 and the last 3000."""
    for _ in range(rng.integers(1, 30)):
        place = int(rng.integers(0, 600)) if rng.random() < 0.5 else -int(rng.integers(1, 3000))
        content[place % len(content)] = int(rng.integers(0, 256))
    return content


def lie_about_sizes(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Overwrite the 32 bits before or after markers, where sizes and counts are."""
    found = [place for marker in MARKERS for place in _places(content, marker)]
    for index in rng.integers(0, len(found), rng.integers(1, 4)):
        place, length = found[index]
        offset = int(rng.choice([-4, length, length + 4, length + 8]))
        liar = LIARS[rng.integers(len(LIARS))]
        value = liar if rng.random() < 0.7 else int(rng.integers(0, 2**32))
        at = max(0, min(len(content) - 4, place + offset))
        content[at : at + 4] = value.to_bytes(4, "big" if rng.random() < 0.5 else "little")
    return content


def swap_blocks(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Exchange two blocks of one size, be they packets or not."""
    length = int(rng.integers(1, min(4000, len(content) // 3)))
    first = int(rng.integers(0, len(content) - 2 * length))
    second = int(rng.integers(first + length, len(content) - length + 1))
    former = content[first : first + length]
    content[first : first + length] = content[second : second + length]
    content[second : second + length] = former
    return content


def put_before(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Begin the file with noise."""
    return bytearray(rng.bytes(int(rng.integers(1, 600)))) + content


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes,
    damage_run,
    truncate,
    zero_range,
    duplicate_block,
    remove_block,
    damage_ends,
    lie_about_sizes,
    lie_about_sizes,
    put_before,
    swap_blocks,
)


def splice_with(other: bytes) -> Mutation:
    """Return the mutation that goes on with another file, where packets begin or anywhere."""

    def splice(content: bytearray, rng: np.random.Generator) -> bytearray:
        pieces = []
        for whole in (bytes(content), other):
            places = [place for marker in MARKERS for place, _ in _places(whole, marker)]
            if not places or rng.random() < 0.3:
                places = [int(rng.integers(0, len(whole)))]
            pieces.append((whole, places[rng.integers(len(places))]))
        (first, end), (second, start) = pieces
        return bytearray(first[:end] + second[start:])

    return splice


def mutate(content: bytes, seed: int, other: bytes | None = None) -> tuple[bytes, str]:
    """Return the damaged content and what was done to it, one mutation or two.

    Args:
        content: Of a whole file.
        seed: Of all that is drawn.
        other: Of another file, that parts can be taken from.
    """
    rng = np.random.default_rng(seed)
    mutations = MUTATIONS if other is None else (*MUTATIONS, splice_with(other))
    chosen = [mutations[seed % len(mutations)]]
    if rng.random() < 0.25:
        chosen.append(mutations[rng.integers(len(mutations))])
    damaged = bytearray(content)
    for mutation in chosen:
        damaged = mutation(damaged, rng)
    return bytes(damaged), " + ".join(mutation.__name__ for mutation in chosen)


def _range(content: bytearray, rng: np.random.Generator, max_length: int) -> tuple[int, int]:
    length = min(int(rng.integers(1, max(2, max_length))), len(content) - 1)
    start = int(rng.integers(0, len(content) - length))
    return start, start + length


def _places(content: bytearray, marker: bytes) -> list[tuple[int, int]]:
    places, at = [], content.find(marker)
    while at >= 0 and len(places) < 20:
        places.append((at, len(marker)))
        at = content.find(marker, at + 1)
    return places
