"""The named ways to divide a data set into training, validation and test."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.clip_groups import group_clips
from macbdf_mm.prepare.splits.stratified_assignment import assign_groups

PARTS = ("train", "val", "test")
DEFAULT_SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
PAPER_PROTOCOL = "paper-80-20"
# Of the 80 % for training, every tenth clip: thresholds must not be chosen on the test set.
_PAPER_SHARES = {"train": 0.72, "val": 0.08, "test": 0.2}


def split_official(
    rows: Sequence[ClipRow], carve: Mapping[str, float] | None = None, seed: int = 0
) -> list[ClipRow]:
    """Return the rows with the split that the data set was published with.

    Args:
        rows: The clips, with ``official_split`` in ``extra`` or, failing that, a ``split``.
        carve: Parts that the published split lacks -> the share of ``train`` to make them of,
            disjoint in identities and sources, stratified by category.
        seed: Of the carving.

    Raises:
        ConfigError: If there is no published split, or a part to carve is there already.
    """
    official = [row.extra.get("official_split", row.split) for row in rows]
    names = sorted({str(name) for name in official if name is not None})
    if not names:
        raise ConfigError(
            "The data set has no official split: choose the protocol 'disjoint' or 'k-fold'."
        )
    parts = [None if name is None else str(name) for name in official]
    if carve:
        taken = [part for part in carve if part in names]
        if taken:
            raise ConfigError(
                f"The official split has a part {taken[0]!r} already (it has {', '.join(names)}); "
                "carve only what is missing."
            )
        rest = 1 - sum(carve.values())
        if "train" not in names or not rest > 0:
            raise ConfigError(
                f"Expected a part 'train' to carve from and shares with a sum below 1, got "
                f"{', '.join(names)} and {dict(carve)}."
            )
        chosen = [k for k, part in enumerate(parts) if part == "train"]
        carved = _assign([rows[k] for k in chosen], {"train": rest, **carve}, seed)
        for k, part in zip(chosen, carved, strict=True):
            parts[k] = part
    return [replace(row, split=part) for row, part in zip(rows, parts, strict=True)]


def split_disjoint(
    rows: Sequence[ClipRow], shares: Mapping[str, float] | None = None, seed: int = 0
) -> list[ClipRow]:
    """Return the rows split such that no identity and no source is in two parts.

    Args:
        rows: The clips.
        shares: Part -> share of the clips, 70 % train, 10 % val and 20 % test by default.
        seed: Of the random choices.

    Raises:
        ConfigError: If there are too few groups for a part to get any.
    """
    parts = _assign(rows, shares or DEFAULT_SHARES, seed)
    return [replace(row, split=part) for row, part in zip(rows, parts, strict=True)]


def split_k_fold(
    rows: Sequence[ClipRow], num_folds: int, fold: int, seed: int = 0
) -> list[ClipRow]:
    """Return the rows split for one of ``num_folds`` rounds of cross-validation.

    The folds are disjoint in identities and sources and the same for every ``fold``: that one is
    ``test``, the next one ``val``, the others ``train``.

    Args:
        rows: The clips.
        num_folds: How many folds, at least 3.
        fold: Which of them is tested, from 0.
        seed: Of the random choices.

    Raises:
        ConfigError: If the numbers are out of range, or there are fewer groups than folds.
    """
    if num_folds < 3:
        raise ConfigError(
            f"Expected `num_folds` >= 3 for train, val and test to be apart, got {num_folds}."
        )
    if not 0 <= fold < num_folds:
        raise ConfigError(f"Expected `fold` in [0, {num_folds}), got {fold}.")
    folds = _assign(rows, {str(k): 1 / num_folds for k in range(num_folds)}, seed)
    names = {str(fold): "test", str((fold + 1) % num_folds): "val"}
    return [
        replace(row, split=names.get(part, "train"), extra={**row.extra, "fold": int(part)})
        for row, part in zip(rows, folds, strict=True)
    ]


def split_paper_80_20(rows: Sequence[ClipRow], seed: int = 0) -> list[ClipRow]:
    """Return the rows split at random, clip by clip, 80 % to 20 % in every category.

    The protocol of the MACB-DF paper (Section 4.2.1). It puts fakes of one recording, and clips
    of one person, on both sides: scores under it do not say how well a detector does on new
    people, and are for comparing with the paper's. A tenth of the 80 % is kept for validation.

    Args:
        rows: The clips.
        seed: Of the random choices.
    """
    parts = assign_groups(range(len(rows)), [_stratum(row) for row in rows], _PAPER_SHARES, seed)
    return [replace(row, split=part) for row, part in zip(rows, parts, strict=True)]


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


def _stratum(row: ClipRow) -> Hashable:
    return (row.label, row.video_label, row.audio_label)
