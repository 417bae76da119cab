from collections import Counter

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.splits.protocols import (
    split_cross_dataset,
    split_disjoint,
    split_fakeavceleb_balanced,
    split_k_fold,
    split_leave_one_method_out,
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


def fake_celebrities(num_people=30):
    """Return clips as in FakeAVCeleb: of each person one real clip and many fakes by method."""
    rows = []
    for person in range(num_people):
        of = {"identity": f"id{person}"}
        real = f"id{person}/real.mp4"
        rows.append(ClipRow(real, 0, 0, 0, **of))
        rows.append(ClipRow(f"id{person}/b.mp4", 1, 0, 1, source=real, method="rtvc", **of))
        for k in range(9):
            method = ("faceswap", "wav2lip", "fsgan")[k % 3]
            for tracks, name in (((1, 0), method), ((1, 1), f"{method}-wav2lip")):
                name = method if method == "wav2lip" else name
                file = f"id{person}/{''.join(map(str, tracks))}_{k}.mp4"
                rows.append(ClipRow(file, 1, *tracks, source=real, method=name, **of))
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


def test_balanced_folds_hold_as_many_of_each_category_and_no_person_twice():
    rounds = [split_fakeavceleb_balanced(fake_celebrities(), 3, 5, k, 30) for k in range(5)]
    for rows in rounds:
        chosen = [row for row in rows if row.split is not None]
        assert Counter(row.category for row in chosen) == dict.fromkeys(
            ("RVRA", "FVRA", "RVFA", "FVFA"), 30
        )
        # Evenly: one clip of each category of each person.
        assert set(Counter(row.identity for row in chosen).values()) == {4}
        assert not identities(rows, "test") & identities(rows, "train", "val")
        assert Counter(row.split for row in chosen) == {"train": 72, "val": 24, "test": 24}
    tested = [{row.file for row in rows if row.split == "test"} for rows in rounds]
    assert len(set.union(*tested)) == sum(map(len, tested)) == 120
    assert split_fakeavceleb_balanced(fake_celebrities(), 3, 5, 4, 30) == rounds[4]
    assert split_fakeavceleb_balanced(fake_celebrities(), 4, 5, 4, 30) != rounds[4]


def test_too_few_clips_for_balanced_folds():
    with pytest.raises(
        ConfigError, match=r"Expected 500 clips of the category RVRA with an `identity`, got 30;"
    ):
        split_fakeavceleb_balanced(fake_celebrities())
    anonymous = [ClipRow(f"{k}.mp4", 0, 0, 0) for k in range(500)]
    with pytest.raises(ConfigError, match=r"RVRA with an `identity`, got 0;"):
        split_fakeavceleb_balanced(anonymous)
    with pytest.raises(ConfigError, match="Expected `per-category` > 0, got 0"):
        split_fakeavceleb_balanced(fake_celebrities(), num_per_category=0)


def test_a_method_left_out_is_only_tested():
    rows = [*fake_celebrities(), ClipRow("who.mp4", 1, 1, 0)]
    split = split_leave_one_method_out(rows, 1, "wav2lip")
    methods = {part: {row.method for row in split if row.split == part and row.label} for part in
               ("train", "val", "test")}  # fmt: skip
    assert methods["test"] == {"wav2lip"}
    # Not beside others either: `faceswap-wav2lip` was made by it as well.
    assert methods["train"] == methods["val"] == {"faceswap", "fsgan", "rtvc"}
    assert split[-1].split is None
    reals = Counter(row.split for row in split if row.label == 0)
    assert reals == {"train": 21, "val": 3, "test": 6}
    assert not identities(split, "test") & identities(split, "train", "val")
    # The combination may be what is left out; its parts are then methods as any.
    combined = split_leave_one_method_out(rows, 1, "faceswap-wav2lip")
    trained = {row.method for row in combined if row.split == "train"}
    assert trained == {None, "faceswap", "wav2lip", "fsgan", "fsgan-wav2lip", "rtvc"}


@pytest.mark.parametrize(
    ("rows", "method", "message"),
    [
        (fake_celebrities(4), None, r"to be one of faceswap \(12 clips\), .*, got None"),
        (fake_celebrities(4), "deepfacelab", r"rtvc \(4 clips\), .*, got 'deepfacelab'"),
        (people(), "gan", "one of the methods, but no fake has any, got 'gan'"),
        (
            [row for row in fake_celebrities() if row.method in (None, "wav2lip")],
            "wav2lip",
            "No fake is left for the part 'train' when 'wav2lip' is only tested",
        ),
    ],
)
def test_methods_that_cannot_be_left_out(rows, method, message):
    with pytest.raises(ConfigError, match=message):
        split_leave_one_method_out(rows, method=method)


def test_a_data_set_is_trained_on_or_tested_on():
    trained = split_cross_dataset(people())
    assert Counter(row.split for row in trained) == {"train": 360, "val": 40}
    assert not identities(trained, "train") & identities(trained, "val")
    assert {row.split for row in split_cross_dataset(people(), role="test")} == {"test"}
    assert split_cross_dataset(people(), 1) != trained
    with pytest.raises(ConfigError, match="Expected `role` train or test, got 'both'"):
        split_cross_dataset(people(), role="both")
    with pytest.raises(ConfigError, match=r"Expected `val-share` inside \(0, 1\), got 1"):
        split_cross_dataset(people(), val_share=1)


@pytest.mark.parametrize(
    "split", [split_disjoint, split_k_fold, split_paper_80_20, split_cross_dataset]
)
def test_clips_of_which_no_label_is_known_cannot_be_dealt_out(split):
    rows = [ClipRow(f"{number}.mp4", -1) for number in range(20)]
    with pytest.raises(ConfigError, match="No clip of 20 has a known label"):
        split(rows)


def test_what_is_no_name_is_no_official_split():
    rows = [ClipRow("a.mp4", 0, extra={"official_split": ["train"]}, split="val")]
    assert [row.split for row in split_official(rows)] == ["val"]
