"""The named ways to divide a data set into training, validation and test.

A protocol is a function in the registry ``SPLIT_PROTOCOLS``: from all rows and a seed to the same
rows with their parts. Its parameters with an :class:`Option` are its options on the command line,
and are recorded in the annotation. One with the options ``num_folds`` and ``fold`` makes an
annotation for each fold where none is named.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.clip_groups import assign_groups, group_clips
from macbdf_mm.registered_parts import Option
from macbdf_mm.registry import SPLIT_PROTOCOLS
from macbdf_mm.structures.labels import CATEGORIES, FAKE, REAL, UNKNOWN

PARTS = ("train", "val", "test")
# Of the 80 % for training, every tenth clip: thresholds must not be chosen on the test set.
_PAPER_SHARES = {"train": 0.72, "val": 0.08, "test": 0.2}
Stratum = Callable[[ClipRow], tuple[Hashable, ...]]
_DEFAULT_SHARES: Mapping[str, float] = {"train": 0.7, "val": 0.1, "test": 0.2}


@SPLIT_PROTOCOLS.register_module("official")
def split_official(
    rows: Sequence[ClipRow],
    seed: int = 0,
    carved: Annotated[
        Mapping[str, float] | None,
        Option("make missing parts of a share of train, such as val=0.1", "PART=SHARE", "--carve"),
    ] = None,
) -> list[ClipRow]:
    """As published.

    Args:
        rows: The clips, with ``official_split`` in ``extra`` or, failing that, a ``split``.
        seed: Of the carving.
        carved: Parts that the published split lacks -> the share of ``train`` to make them of,
            disjoint in identities and sources, stratified by category.

    Raises:
        ConfigError: If there is no published split, or a part to carve is there already.
    """
    _check_parts("carve", carved or {})
    parts = [_official_split(row) for row in rows]
    names = sorted({name for name in parts if name is not None})
    if not names:
        raise ConfigError(
            "The data set has no official split: choose the protocol 'disjoint' or 'k-fold'."
        )
    if carved:
        taken = [part for part in carved if part in names]
        if taken:
            raise ConfigError(
                f"The official split has a part {taken[0]!r} already (it has {', '.join(names)}); "
                "carve only what is missing."
            )
        rest = 1 - sum(carved.values())
        if "train" not in names or not rest > 0:
            raise ConfigError(
                f"Expected a part 'train' to carve from and shares with a sum below 1, got "
                f"{', '.join(names)} and {dict(carved)}."
            )
        chosen = [k for k, part in enumerate(parts) if part == "train"]
        assigned = _assign([rows[k] for k in chosen], {"train": rest, **carved}, seed, _stratum)
        for k, part in zip(chosen, assigned, strict=True):
            parts[k] = part
    return [replace(row, split=part) for row, part in zip(rows, parts, strict=True)]


@SPLIT_PROTOCOLS.register_module("disjoint")
def split_disjoint(
    rows: Sequence[ClipRow],
    seed: int = 0,
    shares: Annotated[
        Mapping[str, float],
        Option("shares of the clips (default: train=0.7 val=0.1 test=0.2)", "PART=SHARE"),
    ] = _DEFAULT_SHARES,
) -> list[ClipRow]:
    """No identity and no source in two parts.

    Args:
        rows: The clips.
        seed: Of the random choices.
        shares: Part -> share of the clips.

    Raises:
        ConfigError: If there are too few groups for a part to get any.
    """
    return _split_by_shares(rows, seed, shares, _stratum)


@SPLIT_PROTOCOLS.register_module("k-fold")
def split_k_fold(
    rows: Sequence[ClipRow],
    seed: int = 0,
    num_folds: Annotated[int, Option("how many (default: 5)", flag="--folds")] = 5,
    fold: Annotated[int, Option("only the one that tests this fold")] = 0,
) -> list[ClipRow]:
    """Disjoint, one annotation a fold.

    The folds are disjoint in identities and sources and the same for every ``fold``: that one is
    ``test``, the next one ``val``, the others ``train``.

    Args:
        rows: The clips.
        seed: Of the random choices.
        num_folds: How many folds, at least 3.
        fold: Which of them is tested, from 0.

    Raises:
        ConfigError: If the numbers are out of range, or there are fewer groups than folds.
    """
    if num_folds < 3:
        raise ConfigError(
            f"Expected `num_folds` >= 3 for train, val and test to be apart, got {num_folds}."
        )
    if not 0 <= fold < num_folds:
        raise ConfigError(f"Expected `fold` in [0, {num_folds}), got {fold}.")
    shares = {str(k): 1 / num_folds for k in range(num_folds)}
    names = {str(fold): "test", str((fold + 1) % num_folds): "val"}
    return [
        row
        if row.split is None
        else replace(
            row, split=names.get(row.split, "train"), extra={**row.extra, "fold": int(row.split)}
        )
        for row in _deal(rows, lambda labelled: _assign(labelled, shares, seed, _stratum))
    ]


@SPLIT_PROTOCOLS.register_module("paper-80-20")
def split_paper_80_20(rows: Sequence[ClipRow], seed: int = 0) -> list[ClipRow]:
    """At random by clip, 80 % to 20 % in every category, which leaks: for comparing with the paper.

    The protocol of the MACB-DF paper (Section 4.2.1). It puts fakes of one recording, and clips
    of one person, on both sides: scores under it do not say how well a detector does on new
    people, and are for comparing with the paper's. A tenth of the 80 % is kept for validation.

    Args:
        rows: The clips.
        seed: Of the random choices.
    """

    def assign(labelled: Sequence[ClipRow]) -> list[str]:
        strata = [_stratum(row) for row in labelled]
        return assign_groups(range(len(labelled)), strata, _PAPER_SHARES, seed)

    return _deal(rows, assign)


@SPLIT_PROTOCOLS.register_module("fakeavceleb-balanced")
def split_fakeavceleb_balanced(
    rows: Sequence[ClipRow],
    seed: int = 0,
    num_folds: Annotated[int, Option("how many (default: 5)", flag="--folds")] = 5,
    fold: Annotated[int, Option("only the one that tests this fold")] = 0,
    num_per_category: Annotated[
        int, Option("clips of each category (default: 500)", flag="--per-category")
    ] = 500,
) -> list[ClipRow]:
    """As many clips of each category, in folds disjoint in people: 2,000 of FakeAVCeleb, as MRDF.

    The clips of a category are drawn at random, from all people as evenly as it goes. Those that
    are not drawn are in no part. The folds are those of ``k-fold``.

    Args:
        rows: The clips.
        seed: Of the drawing and of the folds.
        num_folds: How many folds, at least 3.
        fold: Which of them is tested, from 0.
        num_per_category: How many clips of each of the four categories.

    Raises:
        ConfigError: If a category has too few clips of known people, or as for ``k-fold``.
    """
    if num_per_category < 1:
        raise ConfigError(f"Expected `per-category` > 0, got {num_per_category}.")
    rng = np.random.default_rng(seed)
    drawn: set[str] = set()
    for category in CATEGORIES.values():
        found = [row for row in rows if row.category == category and row.identity is not None]
        if len(found) < num_per_category:
            raise ConfigError(
                f"Expected {num_per_category} clips of the category {category} with an `identity`, "
                f"got {len(found)}; --per-category sets another number."
            )
        drawn |= _evenly_drawn(found, num_per_category, rng)
    chosen = [row for row in rows if row.file in drawn]
    dealt = {row.file: row for row in split_k_fold(chosen, seed, num_folds, fold)}
    return [dealt.get(row.file) or replace(row, split=None) for row in rows]


@SPLIT_PROTOCOLS.register_module("leave-one-method-out")
def split_leave_one_method_out(
    rows: Sequence[ClipRow],
    seed: int = 0,
    method: Annotated[str | None, Option("the forgery method that is only tested")] = None,
    shares: Annotated[
        Mapping[str, float],
        Option("shares of the clips (default: train=0.7 val=0.1 test=0.2)", "PART=SHARE"),
    ] = _DEFAULT_SHARES,
) -> list[ClipRow]:
    """Disjoint, and one method is only in the test part, with real clips and no other fakes.

    ``method`` of a clip may name several, joined by ``-`` or ``+`` (``faceswap-wav2lip``): clips in
    which the method stands beside others are in no part, nor are fakes of an unknown method.

    Args:
        rows: The clips.
        seed: Of the random choices.
        method: The method that training and validation do not see.
        shares: Part -> share of the clips, before clips are left out.

    Raises:
        ConfigError: If no clip was made by the method, or a part would lack real clips or fakes.
    """
    fakes = [row for row in rows if row.label == FAKE]
    known = Counter(row.method for row in fakes if row.method is not None)
    if method is None or method not in known:
        listed = ", ".join(f"{name} ({count} clips)" for name, count in sorted(known.items()))
        raise ConfigError(
            f"Expected `method` to be one of {listed or 'the methods, but no fake has any'}, got "
            f"{method!r}."
        )
    held_out = _parts_of_method(method)
    divided = _split_by_shares(rows, seed, shares, lambda row: (*_stratum(row), row.method))
    result = [
        row if _is_kept_without(row, held_out) else replace(row, split=None) for row in divided
    ]
    for part in shares:
        for label, kind in ((REAL, "real clip"), (FAKE, "fake")):
            if not any(row.split == part and row.label == label for row in result):
                raise ConfigError(
                    f"No {kind} is left for the part {part!r} when {method!r} is only tested; the "
                    f"methods are {', '.join(sorted(known))}."
                )
    return result


@SPLIT_PROTOCOLS.register_module("cross-dataset")
def split_cross_dataset(
    rows: Sequence[ClipRow],
    seed: int = 0,
    role: Annotated[str, Option("what the data set is for: train (default) or test")] = "train",
    val_share: Annotated[float, Option("share for validation (default: 0.1)")] = 0.1,
) -> list[ClipRow]:
    """All clips for training and validation, disjoint, or all for testing: --role train or test.

    One command for the data set that is trained on, one for each that is tested on.

    Args:
        rows: The clips.
        seed: Of the random choices.
        role: ``train`` or ``test``.
        val_share: Of the clips of the data set that is trained on.

    Raises:
        ConfigError: If an option is out of range, or there are too few groups.
    """
    if role not in ("train", "test"):
        raise ConfigError(f"Expected `role` train or test, got {role!r}.")
    if not 0 < val_share < 1:
        raise ConfigError(f"Expected `val-share` inside (0, 1), got {val_share}.")
    if role == "test":
        return _deal(rows, lambda labelled: ["test"] * len(labelled))
    return _split_by_shares(rows, seed, {"train": 1 - val_share, "val": val_share}, _stratum)


def _official_split(row: ClipRow) -> str | None:
    """Return the part that a clip was published in, failing that the one it is in."""
    stated = row.extra.get("official_split")
    return stated if isinstance(stated, str) else row.split


def _deal(
    rows: Sequence[ClipRow], assign: Callable[[Sequence[ClipRow]], list[str]]
) -> list[ClipRow]:
    """Return the rows with their parts; those without any label get none."""
    labelled = [row for row in rows if any(label != UNKNOWN for label in _stratum(row))]
    if not labelled:
        raise ConfigError(
            f"No clip of {len(rows)} has a known label, and clips without one are in no part "
            "of a split: state `label`, `video_label` or `audio_label` in the annotation."
        )
    parts = dict(zip((row.file for row in labelled), assign(labelled), strict=True))
    return [replace(row, split=parts.get(row.file)) for row in rows]


def _split_by_shares(
    rows: Sequence[ClipRow], seed: int, shares: Mapping[str, float], stratum: Stratum
) -> list[ClipRow]:
    _check_parts("shares", shares)
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError(f"Expected `shares` > 0 with the sum 1, got {dict(shares)}.")
    return _deal(rows, lambda labelled: _assign(labelled, shares, seed, stratum))


def _assign(
    rows: Sequence[ClipRow], shares: Mapping[str, float], seed: int, stratum: Stratum
) -> list[str]:
    groups = group_clips(rows)
    parts = assign_groups(groups, [stratum(row) for row in rows], shares, seed)
    empty = [part for part in shares if part not in parts]
    if empty:
        sizes = list(Counter(groups).values())
        raise ConfigError(
            f"No clip is left for the part {empty[0]!r}: the {len(rows)} clips are "
            f"{len(sizes)} groups that share an identity or a source, the largest of "
            f"{max(sizes, default=0)} clips, and groups are not divided."
        )
    return parts


def _stratum(row: ClipRow) -> tuple[Hashable, ...]:
    return (row.label, row.video_label, row.audio_label)


def _evenly_drawn(rows: Sequence[ClipRow], number: int, rng: np.random.Generator) -> set[str]:
    """Return the files of so many rows: one of each person, then a second of each, and so on."""
    turns: Counter[str | None] = Counter()
    order: list[tuple[int, int, str]] = []
    for k in rng.permutation(len(rows)):
        order.append((turns[rows[k].identity], len(order), rows[k].file))
        turns[rows[k].identity] += 1
    return {file for _, _, file in sorted(order)[:number]}


def _parts_of_method(method: str) -> frozenset[str]:
    return frozenset(method.replace("+", "-").split("-"))


def _is_kept_without(row: ClipRow, held_out: frozenset[str]) -> bool:
    """Return whether a clip may stay in its part if a method is only tested."""
    if row.label != FAKE:
        return row.label == REAL
    if row.method is None:
        return False
    own = _parts_of_method(row.method)
    return own == held_out if row.split == "test" else not held_out <= own


def _check_parts(name: str, shares: Mapping[str, float]) -> None:
    unknown = [part for part in shares if part not in PARTS]
    if unknown:
        raise ConfigError(f"Expected parts {', '.join(PARTS)} in `{name}`, got {unknown[0]!r}.")
