"""Finding people who are in more than one part of a split."""

from collections.abc import Iterable

from macbdf_mm.datasets.clip_row import ClipRow


def find_shared_identities(rows: Iterable[ClipRow]) -> dict[str, tuple[str, ...]]:
    """Return identity -> the parts that it is in, for those in more than one, by name.

    Rows without an identity or without a split say nothing.
    """
    parts: dict[str, set[str]] = {}
    for row in rows:
        if row.identity is not None and row.split is not None:
            parts.setdefault(row.identity, set()).add(row.split)
    return {identity: tuple(sorted(of)) for identity, of in sorted(parts.items()) if len(of) > 1}
