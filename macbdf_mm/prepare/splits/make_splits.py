"""Dividing an annotation into parts by a named protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from macbdf_mm.datasets.annotation import Annotation, load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.protocols import (
    DEFAULT_SHARES,
    PARTS,
    split_disjoint,
    split_k_fold,
    split_official,
    split_paper_80_20,
)
from macbdf_mm.prepare.splits.split_summary import SplitSummary
from macbdf_mm.structures.labels import UNKNOWN

Protocol = Literal["auto", "official", "disjoint", "k-fold", "paper-80-20"]
DEFAULT_VAL_SHARE = 0.1


@dataclass(frozen=True)
class SplitOptions:
    """How to divide.

    Attributes:
        protocol: ``official``, as published; ``disjoint`` in identities and sources; ``k-fold``,
            disjoint as well; ``paper-80-20``, at random by clip. ``auto`` is official, with a
            validation part carved out of the training part if there is none, where the data set
            was published with a part to test or validate on, and disjoint elsewhere.
        shares: Of ``disjoint``: part -> share of the clips; None: 0.7, 0.1 and 0.2.
        carve: Of ``official``: missing part -> share of the training part to make it of.
        num_folds: Of ``k-fold``.
        fold: Of ``k-fold``: which one is tested; None makes an annotation for each.
        seed: Of everything random.
    """

    protocol: Protocol = "auto"
    shares: Mapping[str, float] | None = None
    carve: Mapping[str, float] | None = None
    num_folds: int = 5
    fold: int | None = None
    seed: int = 0


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
    out = Path(out)
    _check_options(options)
    loaded = load_annotation(annotation)
    protocol = _protocol(loaded, options)
    if protocol != "k-fold" or options.fold is not None:
        return [_write(out, loaded, protocol, options)]
    return [
        _write(out.with_suffix(f".fold{fold}.json"), loaded, protocol, replace(options, fold=fold))
        for fold in range(options.num_folds)
    ]


def _write(out: Path, loaded: Annotation, protocol: str, options: SplitOptions) -> SplitSummary:
    named = {"name": protocol, "seed": options.seed}
    if protocol == "official":
        carve = _carved(loaded, options)
        rows = split_official(loaded.rows, carve, options.seed)
        named |= {"carved": dict(carve)} if carve else {}
    else:
        rows = _dealt_out(loaded.rows, protocol, options)
        if protocol == "disjoint":
            named["shares"] = dict(options.shares or DEFAULT_SHARES)
        elif protocol == "k-fold":
            named |= {"num_folds": options.num_folds, "fold": options.fold}
    save_annotation(out, {**loaded.metainfo, "split_protocol": named}, rows)
    return SplitSummary(out, named, rows)


def _dealt_out(rows: list[ClipRow], protocol: str, options: SplitOptions) -> list[ClipRow]:
    labelled = [row for row in rows if _is_labelled(row)]
    if protocol == "disjoint":
        split = split_disjoint(labelled, options.shares, options.seed)
    elif protocol == "k-fold":
        split = split_k_fold(labelled, options.num_folds, options.fold or 0, options.seed)
    else:
        split = split_paper_80_20(labelled, options.seed)
    dealt = iter(split)
    return [next(dealt) if _is_labelled(row) else replace(row, split=None) for row in rows]


def _is_labelled(row: ClipRow) -> bool:
    return any(label != UNKNOWN for label in (row.label, row.video_label, row.audio_label))


def _official_parts(loaded: Annotation) -> set[Any]:
    return {row.extra.get("official_split") for row in loaded.rows}


def _protocol(loaded: Annotation, options: SplitOptions) -> str:
    if options.protocol != "auto":
        return options.protocol
    parts = _official_parts(loaded)
    return "official" if "train" in parts and parts & {"val", "test"} else "disjoint"


def _carved(loaded: Annotation, options: SplitOptions) -> Mapping[str, float] | None:
    if options.protocol == "auto" and "val" not in _official_parts(loaded):
        return {"val": DEFAULT_VAL_SHARE}
    return options.carve


def _check_options(options: SplitOptions) -> None:
    if options.protocol not in get_args(Protocol):
        raise ConfigError(
            f"Expected `protocol` of {', '.join(get_args(Protocol))}, got {options.protocol!r}."
        )
    if options.shares is not None and options.protocol != "disjoint":
        raise ConfigError(
            f"Expected `shares` with the protocol 'disjoint' only, got {options.protocol!r}."
        )
    if options.carve is not None and options.protocol != "official":
        raise ConfigError(
            f"Expected `carve` with the protocol 'official' only, got {options.protocol!r}."
        )
    for name, shares in (("shares", options.shares), ("carve", options.carve)):
        unknown = [part for part in shares or () if part not in PARTS]
        if unknown:
            raise ConfigError(f"Expected parts {', '.join(PARTS)} in `{name}`, got {unknown[0]!r}.")
    shares = options.shares
    if shares is not None and (
        any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6
    ):
        raise ConfigError(f"Expected `shares` > 0 with the sum 1, got {dict(shares)}.")
