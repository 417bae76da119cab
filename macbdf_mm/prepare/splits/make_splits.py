"""Dividing an annotation into parts by a named protocol."""

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import Annotation, load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.registered_parts import check_options, find_part
from macbdf_mm.registry import SPLIT_PROTOCOLS

AUTO = "auto"
_DEFAULT_VAL_SHARE = 0.1
_CATEGORIES = ("RVRA", "FVRA", "RVFA", "FVFA", "unknown")


@dataclass(frozen=True)
class SplitOptions:
    """Options of a split.

    Attributes:
        protocol: A name in the registry ``SPLIT_PROTOCOLS``. ``auto`` is official, with a
            validation part carved out of the training part if there is none, where the data set
            was published with a part to test or validate on, and disjoint elsewhere.
        seed: Of everything random.
        own: Options of the protocol, by the names of its parameters.
    """

    protocol: str = AUTO
    seed: int = 0
    own: Mapping[str, Any] = field(default_factory=dict)


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

    def counts(self) -> dict[str, Counter[str]]:
        """Return part -> category -> number of clips; parts in the order of their names."""
        tallies: dict[str, Counter[str]] = {}
        for row in self.rows:
            tally = tallies.setdefault("no split" if row.split is None else row.split, Counter())
            tally[str(row.category or "unknown")] += 1
        return dict(sorted(tallies.items()))

    def shared_identities(self) -> int:
        """Return how many people are in more than one part."""
        parts: dict[str, set[str]] = {}
        for row in self.rows:
            if row.identity is not None and row.split is not None:
                parts.setdefault(row.identity, set()).add(row.split)
        return sum(len(of) > 1 for of in parts.values())

    def describe(self) -> str:
        """Return a table of the parts, and what they have in common."""
        counts = self.counts()
        shown = [name for name in _CATEGORIES if any(tally[name] for tally in counts.values())]
        head = ["part", "clips", *shown, "identities"]
        lines = [head]
        for part, tally in counts.items():
            people = {row.identity for row in self.rows if (row.split or "no split") == part}
            cells = [tally.total(), *(tally[name] for name in shown), len(people - {None})]
            lines.append([part, *map(str, cells)])
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        table = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        settings = ", ".join(f"{key} {value}" for key, value in self.protocol.items())
        shared = self.shared_identities()
        leaks = len(find_source_leaks(self.rows))
        return "\n".join(
            [
                f"{self.path} ({settings})",
                *table,
                f"in more than one part: {leaks} recordings, {shared} identities",
                *self._caveats(),
            ]
        )

    def _caveats(self) -> list[str]:
        if any(row.identity is not None for row in self.rows):
            return []
        return ["no identity is known, so the parts may show the same people in other recordings"]


def make_splits(
    annotation: str | Path, out: str | Path, options: SplitOptions = SplitOptions()
) -> list[SplitSummary]:
    """Return what each annotation that was written holds: one, or one for each fold.

    Clips without any label cannot be dealt out; they get no split, except the official one.
    Folds are written beside ``out`` as ``<out>.fold0.json`` and so on.

    Args:
        annotation: The annotation to divide; it may be ``out`` itself.
        out: The annotation to write.
        options: How to divide.

    Raises:
        MissingDataError: If there is no such annotation.
        AnnotationError: If it breaks the format.
        ConfigError: If the options do not fit each other or the data.
    """
    out, name, own = Path(out), options.protocol, dict(options.own)
    if name == AUTO:
        check_options(SPLIT_PROTOCOLS, AUTO, own)
    else:
        find_part(SPLIT_PROTOCOLS, name, own)
    loaded = load_annotation(annotation)
    if name == AUTO:
        name, own = _automatic(loaded)
    parameters = inspect.signature(find_part(SPLIT_PROTOCOLS, name, own)).parameters
    if "fold" not in parameters or own.get("fold") is not None:
        return [_write(out, loaded, name, options.seed, own)]
    num_folds = own.get("num_folds", parameters["num_folds"].default)
    return [
        _write(out.with_suffix(f".fold{k}.json"), loaded, name, options.seed, {**own, "fold": k})
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
    parts = {row.extra.get("official_split") for row in loaded.rows}
    if "train" not in parts or not parts & {"val", "test"}:
        return "disjoint", {}
    return "official", {} if "val" in parts else {"carved": {"val": _DEFAULT_VAL_SHARE}}
