"""Seeded damage to tables and annotations, as disks, other programs and people do it."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

# Texts with a meaning of their own: to a reader, a terminal, a file system, a figure.
TEXTS = (
    *("", " ", "\0", "\n", "\r", "\t", ",", ";", '"', "'", "\\", "/", ".", "..", "/etc/passwd"),
    *("NaN", "None", "null", "-", "1e999", "-inf", "0,5", "1_000", "٣", "true", "FAKE ", "[[0,1]]"),
    *("\u2028", "\u0085", "\ufeff", "\u202e", "e\u0301", "😀", "\x1b[2J", "$\\nothing$", "=1+1"),
    *("%2e%2e%2f", "%00", "C:\\x\\y.mp4", "a" * 5000, "é" * 300, "{{x}}", "\ud800", "\udcff"),
)  # fmt: skip
NUMBERS = (
    0,
    -1,
    1,
    2,
    0.1,
    -0.0,
    1e308,
    -1e308,
    2**63,
    10**400,
    1e-320,
    float("nan"),
    float("inf"),
)
BYTES = (b"\0", b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xef\xbb\xbf", b"\r", b"\x85", b"\x1a", b'"')


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Flip single bits anywhere."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Cut off the end."""
    return content[: rng.randrange(len(content))]


def put_bytes(content: bytes, rng: random.Random) -> bytes:
    """Insert bytes that are no text, or end one."""
    at = rng.randrange(len(content))
    return content[:at] + rng.choice(BYTES) * rng.choice((1, 1, 3, 1000)) + content[at:]


def double_lines(content: bytes, rng: random.Random) -> bytes:
    """Write some lines a second time."""
    lines = content.splitlines(keepends=True)
    start = rng.randrange(len(lines))
    return b"".join([*lines[: start + rng.randint(1, 5)], *lines[start:]])


def drop_lines(content: bytes, rng: random.Random) -> bytes:
    """Leave out some lines."""
    lines = content.splitlines(keepends=True)
    start = rng.randrange(len(lines))
    return b"".join([*lines[:start], *lines[start + rng.randint(1, 5) :]]) or b"\n"


def encode_otherwise(content: bytes, rng: random.Random) -> bytes:
    """Write the text in another encoding, or with other ends of lines."""
    text = content.decode(errors="replace")
    end = rng.choice(("\n", "\r\n", "\r", "\u2028", "\n\n"))
    codec = rng.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"))
    return text.replace("\n", end).encode(codec, errors="replace")


def change_cells(content: bytes, rng: random.Random) -> bytes:
    """Put odd texts in the place of words and cells."""
    parts = re.split(rb"([\s,;:\[\]{}\"]+)", content)
    for _ in range(rng.randint(1, 4)):
        value = rng.choice((*TEXTS, *map(str, NUMBERS)))
        parts[rng.randrange(len(parts))] = value.encode("utf-8", "surrogatepass")
    return b"".join(parts)


def change_values(content: bytes, rng: random.Random) -> bytes:
    """Change values of a JSON document: other types, huge numbers, odd text, deep nesting."""
    try:
        document = json.loads(content)
    except ValueError:
        return change_cells(content, rng)
    for _ in range(rng.randint(1, 4)):
        container, key = _any_place(document, rng)
        if container is None:
            break
        change = rng.random()
        if change < 0.1 and isinstance(container, dict):
            container[rng.choice(TEXTS)] = container.pop(key)
        elif change < 0.2:
            del container[key]
        else:
            container[key] = _odd_value(container[key], rng)
    return json.dumps(document).encode()


def put_huge_number(content: bytes, rng: random.Random) -> bytes:
    """Make a number one of hundreds or thousands of digits."""
    digits = b"9" * rng.choice((20, 400, 4301, 100_000))
    numbers = list(re.finditer(rb"\d+", content))
    if not numbers:
        return content + digits
    chosen = rng.choice(numbers)
    return content[: chosen.start()] + digits + content[chosen.end() :]


def put_depth(content: bytes, rng: random.Random) -> bytes:
    """Put lists in lists somewhere."""
    depth = rng.choice((50, 200, 900, 2000, 100_000))
    at = rng.randrange(len(content))
    closing = b"]" * depth if rng.random() < 0.7 else b""
    return content[:at] + b"[" * depth + closing + content[at:]


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, truncate, put_bytes, double_lines, drop_lines, encode_otherwise),
    *(change_cells, change_cells, change_values, change_values, change_values),
    *(put_huge_number, put_depth),
)


def mutate_table(content: bytes, seed: int) -> tuple[bytes, str]:
    """Return the damaged content and what was done to it, one mutation or two."""
    rng = random.Random(seed)
    chosen = [rng.choice(MUTATIONS) for _ in range(1 if rng.random() < 0.75 else 2)]
    for mutation in chosen:
        content = mutation(content, rng) if content else content
    return content, " + ".join(mutation.__name__ for mutation in chosen)


def _any_place(document: Any, rng: random.Random) -> tuple[Any, Any]:
    """Return a container in a document and a key of it, None where there is none."""
    node, found = document, (None, None)
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = rng.choice(keys)
        found = (node, key)
        if rng.random() < 0.2:
            break
        node = node[key]
    return found


def _odd_value(value: Any, rng: random.Random) -> Any:
    deep: Any = value
    for _ in range(rng.choice((1, 2, 70, 400))):
        deep = [deep] if rng.random() < 0.5 else {"x": deep}
    odd = (None, True, False, [], {}, [[]], [None], {"file": None}, str(value), [value], deep)
    return rng.choice((*odd, rng.choice(TEXTS), rng.choice(TEXTS), rng.choice(NUMBERS)))
