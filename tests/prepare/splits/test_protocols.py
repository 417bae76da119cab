from collections import Counter

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.protocols import (
    split_disjoint,
    split_k_fold,
    split_official,
    split_paper_80_20,
)


def people(num_people=40, with_official=()):
    """Return clips of people with one real clip and nine fakes each, in three categories."""
    rows = []
    for person in range(num_people):
        real = f"id{person}/real.mp4"
        part = with_official[person % len(with_official)] if with_official else None
        extra = {"official_split": part} if part else {}
        identity = f"id{person}"
        rows.append(ClipRow(real, 0, 0, 0, identity=identity, extra=extra))
        for k in range(9):
            tracks = ((1, 0), (0, 1), (1, 1))[k % 3]
            rows.append(
                ClipRow(
                    f"id{person}/{k}.mp4", 1, *tracks, identity=identity, source=real, extra=extra
                )
            )
    return rows


def identities(rows, *splits):
    return {row.identity for row in rows if row.split in splits}


def shares_by_category(rows):
    counts = Counter((row.category, row.split) for row in rows)
    totals = Counter(row.category for row in rows)
    return {key: count / totals[key[0]] for key, count in counts.items()}


def test_disjoint_parts_share_neither_person_nor_recording():
    rows = split_disjoint(people(), seed=1)
    assert not identities(rows, "train") & identities(rows, "val", "test")
    assert not identities(rows, "val") & identities(rows, "test")
    assert find_source_leaks(rows) == []
    for (_, part), share in shares_by_category(rows).items():
        assert share == pytest.approx({"train": 0.7, "val": 0.1, "test": 0.2}[part], abs=0.03)


def test_rows_keep_their_order_and_all_else():
    before = people(5)
    after = split_disjoint(before, shares={"train": 0.6, "test": 0.4})
    assert [row.file for row in after] == [row.file for row in before]
    assert {row.split for row in after} == {"train", "test"}
    assert [row.extra for row in after] == [row.extra for row in before]


def test_too_few_groups():
    with pytest.raises(
        ConfigError,
        match=r"No clip is left for the part '(val|test)': the 20 clips are 2 groups",
    ):
        split_disjoint(people(2))


def test_every_fold_is_tested_once():
    rounds = [split_k_fold(people(), 2, 4, fold) for fold in range(4)]
    tested = [identities(rows, "test") for rows in rounds]
    assert set.union(*tested) == {f"id{k}" for k in range(40)}
    assert sum(map(len, tested)) == 40
    for fold, rows in enumerate(rounds):
        assert not identities(rows, "test") & identities(rows, "train", "val")
        assert identities(rows, "val") == tested[(fold + 1) % 4]
        assert {row.extra["fold"] for row in rows if row.split == "test"} == {fold}


@pytest.mark.parametrize(
    ("num_folds", "fold", "message"),
    [(2, 0, "Expected `num_folds` >= 3 .*, got 2"), (5, 5, r"Expected `fold` in \[0, 5\), got 5")],
)
def test_folds_out_of_range(num_folds, fold, message):
    with pytest.raises(ConfigError, match=message):
        split_k_fold(people(), 0, num_folds, fold)


def test_the_protocol_of_the_paper_is_stratified_and_leaks():
    rows = split_paper_80_20(people())
    assert identities(rows, "train") & identities(rows, "test")
    assert find_source_leaks(rows)
    for (_, part), share in shares_by_category(rows).items():
        expected = {"train": 0.72, "val": 0.08, "test": 0.2}[part]
        assert share == pytest.approx(expected, abs=0.02)
    assert split_paper_80_20(people()) == rows
    assert split_paper_80_20(people(), seed=1) != rows


def test_the_official_split_comes_back():
    official = people(with_official=("train", "train", "val", "test"))
    mixed = split_disjoint(official)
    assert [row.split for row in split_official(mixed)] == [
        row.extra["official_split"] for row in official
    ]


def test_missing_parts_are_carved_from_train_disjointly():
    official = people(with_official=("train", "train", "train", "test"))
    rows = split_official(official, 3, {"val": 0.2})
    assert len(identities(rows, "test")) == 10
    assert len(identities(rows, "val")) == 6
    assert not identities(rows, "val") & identities(rows, "train", "test")


@pytest.mark.parametrize(
    ("parts", "carve", "message"),
    [
        ((), None, "has no official split: choose the protocol 'disjoint' or 'k-fold'"),
        (("train", "val"), {"val": 0.1}, "has a part 'val' already"),
        (("test",), {"val": 0.1}, "Expected a part 'train' to carve from"),
        (("train",), {"val": 0.5, "test": 0.5}, "shares with a sum below 1"),
    ],
)
def test_official_splits_that_do_not_fit(parts, carve, message):
    with pytest.raises(ConfigError, match=message):
        split_official(people(with_official=parts), carved=carve)


@pytest.mark.parametrize("split", [split_disjoint, split_k_fold, split_paper_80_20])
def test_clips_of_which_no_label_is_known_cannot_be_dealt_out(split):
    rows = [ClipRow(f"{number}.mp4", -1) for number in range(20)]
    with pytest.raises(ConfigError, match="None of the 20 clips has a known label"):
        split(rows)


def test_what_is_no_name_is_no_official_split():
    rows = [ClipRow("a.mp4", 0, extra={"official_split": ["train"]}, split="val")]
    assert [row.split for row in split_official(rows)] == ["val"]
