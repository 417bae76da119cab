"""Dividing an annotation into parts by a named protocol."""

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import Annotation, load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.prepare.splits.clip_groups import find_shared_identities
from macbdf_mm.registered_parts import check_options, find_part
from macbdf_mm.registry import SPLIT_PROTOCOLS
from macbdf_mm.structures.labels import CATEGORIES
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import printable_lines

AUTO = "auto"
_DEFAULT_VAL_SHARE = 0.1


@dataclass(frozen=True)
class SplitSummary:
    """The result of a split.

    Attributes:
        path: Where it was written.
        protocol: Name and settings of the protocol.
        rows: All clips.
    """

    path: Path
    protocol: Mapping[str, Any]
    rows: list[ClipRow]

    def describe(self) -> str:
        """Return a table of the parts, in the order of their names, and what they share."""
        parts: dict[str, list[ClipRow]] = {}
        for row in self.rows:
            parts.setdefault("no split" if row.split is None else row.split, []).append(row)
        categories = {row.category or "unknown" for row in self.rows}
        shown = [name for name in (*CATEGORIES.values(), "unknown") if name in categories]
        lines = [["part", "clips", *shown, "identities"]]
        for part, rows in sorted(parts.items()):
            tally = Counter(row.category or "unknown" for row in rows)
            people = {row.identity for row in rows} - {None}
            cells = [len(rows), *(tally[name] for name in shown), len(people)]
            lines.append([part, *map(str, cells)])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        settings = ", ".join(f"{key} {value}" for key, value in self.protocol.items())
        leaks, shared = find_source_leaks(self.rows), find_shared_identities(self.rows)
        summary = [
            f"{self.path} ({settings})",
            *table,
            f"in more than one part: {counted(len(leaks), 'recording')}, "
            f"{counted(len(shared), 'identity', 'identities')}",
        ]
        if leaks or shared:
            summary.append(
                "so scores under this split do not say how well a detector does on new people"
            )
        if all(row.identity is None for row in self.rows):
            summary.append(
                "no identity is known, so the parts may show the same people in other recordings"
            )
        return printable_lines(summary)


def make_splits(
    annotation: str | Path,
    out: str | Path,
    protocol: str = AUTO,
    seed: int = 0,
    options: Mapping[str, Any] = {},
) -> list[SplitSummary]:
    """Return what each annotation that was written holds: one, or one for each fold.

    Clips without any label cannot be dealt out; they get no split, except the official one.
    Folds are written beside ``out`` as ``<out>.fold0.json`` and so on.

    Args:
        annotation: The annotation to divide; it may be ``out`` itself.
        out: The annotation to write.
        protocol: A name in the registry ``SPLIT_PROTOCOLS``. ``auto`` is official, with a
            validation part carved out of the training part if there is none, where the data set
            was published with a part to test or validate on, and disjoint elsewhere.
        seed: Of everything random.
        options: Those of the protocol, by the names of its parameters.

    Raises:
        MissingDataError: If there is no such annotation.
        AnnotationError: If it breaks the format.
        ConfigError: If the options do not fit each other or the data.
    """
    out, name, own = Path(out), protocol, dict(options)
    if name == AUTO:
        check_options(SPLIT_PROTOCOLS, AUTO, own)
    else:
        find_part(SPLIT_PROTOCOLS, name, own)
    loaded = load_annotation(annotation)
    if name == AUTO:
        name, own = _automatic(loaded)
    parameters = inspect.signature(find_part(SPLIT_PROTOCOLS, name, own)).parameters
    if "fold" not in parameters or own.get("fold") is not None:
        return [_write(out, loaded, name, seed, own)]
    num_folds = own.get("num_folds", parameters["num_folds"].default)
    return [
        _write(out.with_suffix(f".fold{k}.json"), loaded, name, seed, {**own, "fold": k})
        for k in range(num_folds)
    ]


def _write(
    out: Path, loaded: Annotation, name: str, seed: int, own: Mapping[str, Any]
) -> SplitSummary:
    protocol = find_part(SPLIT_PROTOCOLS, name, own)
    rows = protocol(loaded.rows, seed=seed, **own)
    call = inspect.signature(protocol).bind(loaded.rows, seed=seed, **own)
    call.apply_defaults()
    settings = {
        key: dict(value) if isinstance(value, Mapping) else value
        for key, value in call.arguments.items()
        if key not in ("rows", "seed") and value is not None
    }
    named = {"name": name, "seed": seed, **settings}
    save_annotation(out, {**loaded.metainfo, "split_protocol": named}, rows)
    return SplitSummary(out, named, rows)


def _automatic(loaded: Annotation) -> tuple[str, dict[str, Any]]:
    """Return the protocol that fits an annotation, and its options."""
    stated = (row.extra.get("official_split") for row in loaded.rows)
    parts = {part for part in stated if isinstance(part, str)}
    if "train" not in parts or not parts & {"val", "test"}:
        return "disjoint", {}
    return "official", {} if "val" in parts else {"carved": {"val": _DEFAULT_VAL_SHARE}}
