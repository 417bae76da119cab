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

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.clip_groups import assign_groups, group_clips
from macbdf_mm.registered_parts import Option
from macbdf_mm.registry import SPLIT_PROTOCOLS
from macbdf_mm.structures.labels import UNKNOWN

PARTS = ("train", "val", "test")
# Of the 80 % for training, every tenth clip: thresholds must not be chosen on the test set.
_PAPER_SHARES = {"train": 0.72, "val": 0.08, "test": 0.2}
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
        assigned = _assign([rows[k] for k in chosen], {"train": rest, **carved}, seed)
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
    _check_parts("shares", shares)
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError(f"Expected `shares` > 0 with the sum 1, got {dict(shares)}.")
    return _deal(rows, lambda labelled: _assign(labelled, shares, seed))


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
        for row in _deal(rows, lambda labelled: _assign(labelled, shares, seed))
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
            f"None of the {len(rows)} clips has a known label, and clips without one are in no part"
            " of a split: state `label`, `video_label` or `audio_label` in the annotation."
        )
    parts = dict(zip((row.file for row in labelled), assign(labelled), strict=True))
    return [replace(row, split=parts.get(row.file)) for row in rows]


def _assign(rows: Sequence[ClipRow], shares: Mapping[str, float], seed: int) -> list[str]:
    groups = group_clips(rows)
    parts = assign_groups(groups, [_stratum(row) for row in rows], shares, seed)
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


def _check_parts(name: str, shares: Mapping[str, float]) -> None:
    unknown = [part for part in shares if part not in PARTS]
    if unknown:
        raise ConfigError(f"Expected parts {', '.join(PARTS)} in `{name}`, got {unknown[0]!r}.")
