from pathlib import Path

import pytest

from macbdf_mm.datasets.annotation import load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.prepare.splits import make_splits
from macbdf_mm.prepare.splits.make_splits import SplitSummary


@pytest.fixture
def write(tmp_path):
    """Write an annotation of 40 sources with a fake each, in the official parts in turn."""

    def write(*parts, extra_rows=()):
        rows = []
        for k in range(40):
            part = parts[k % len(parts)] if parts else None
            extra = {"official_split": part} if part else {}
            rows.append(ClipRow(f"{k}.mp4", 0, 0, 0, split=part, extra=extra))
            rows.append(ClipRow(f"f{k}.mp4", 1, 1, 0, source=f"{k}.mp4", split=part, extra=extra))
        path = tmp_path / "in.json"
        save_annotation(path, {"dataset": "d", "note": "kept"}, [*rows, *extra_rows])
        return path

    return write


def run(path, out=None, protocol="auto", seed=0, **own):
    out = out or path.with_name("out.json")
    [summary] = make_splits(path, out, protocol, seed, own)
    loaded = load_annotation(out)
    assert loaded.rows == summary.rows
    return loaded


def parts(loaded):
    return {row.file: row.split for row in loaded.rows}


@pytest.mark.parametrize(
    ("official", "protocol"),
    [
        ((), {"name": "disjoint", "seed": 0, "shares": {"train": 0.7, "val": 0.1, "test": 0.2}}),
        (
            ("train",),
            {"name": "disjoint", "seed": 0, "shares": {"train": 0.7, "val": 0.1, "test": 0.2}},
        ),
        (("train", "val", "test"), {"name": "official", "seed": 0}),
        (("train", "test"), {"name": "official", "seed": 0, "carved": {"val": 0.1}}),
    ],
)
def test_the_default_is_official_where_there_is_something_to_test_on(write, official, protocol):
    loaded = run(write(*official))
    assert loaded.metainfo["split_protocol"] == protocol
    assert loaded.metainfo["note"] == "kept"
    assert set(parts(loaded).values()) == (
        {"train", "val"} | ({"test"} if "test" in official or len(official) < 2 else set())
    )


def test_the_annotation_can_be_replaced(write):
    path = write()
    first = run(path, path, protocol="disjoint", seed=4)
    assert run(path, path, protocol="disjoint", seed=4) == first


def test_all_folds_or_one(write, tmp_path):
    path = write()
    summaries = make_splits(path, tmp_path / "f.json", "k-fold", options={"num_folds": 4})
    assert [summary.path.name for summary in summaries] == [f"f.fold{k}.json" for k in range(4)]
    third = load_annotation(tmp_path / "f.fold2.json")
    assert third.metainfo["split_protocol"] == {
        "name": "k-fold", "seed": 0, "num_folds": 4, "fold": 2,
    }  # fmt: skip
    assert run(path, protocol="k-fold", num_folds=4, fold=2).rows == third.rows


def test_balanced_folds_are_written_like_any_folds(tmp_path):
    tracks = {"RVRA": (0, 0), "FVRA": (1, 0), "RVFA": (0, 1), "FVFA": (1, 1)}
    rows = [
        ClipRow(f"{person}/{name}.mp4", max(labels), *labels, identity=f"id{person}")
        for person in range(12)
        for name, labels in tracks.items()
    ]
    save_annotation(tmp_path / "in.json", {"dataset": "d"}, rows)
    options = {"num_folds": 3, "num_per_category": 10}
    place = tmp_path / "in.json"
    summaries = make_splits(place, place, "fakeavceleb-balanced", seed=2, options=options)
    assert [summary.path.name for summary in summaries] == [f"in.fold{k}.json" for k in range(3)]
    assert summaries[1].protocol == {
        "name": "fakeavceleb-balanced", "seed": 2, "num_folds": 3, "fold": 1, "num_per_category": 10
    }  # fmt: skip
    assert "in more than one part: 0 recordings, 0 identities" in summaries[1].describe()


def test_clips_without_a_label_are_in_no_part(write):
    unlabelled = ClipRow("u.mp4", -1, split="test", extra={"official_split": "test"})
    path = write("train", "val", extra_rows=[unlabelled])
    for protocol, own in (("disjoint", {}), ("paper-80-20", {}), ("k-fold", {"fold": 0})):
        loaded = run(path, protocol=protocol, **own)
        assert parts(loaded).pop("u.mp4") is None
        assert None not in [row.split for row in loaded.rows[:-1]]
    assert parts(run(path, protocol="official"))["u.mp4"] == "test"


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("random", {}, "Expected a split protocol of official, .*, got 'random'"),
        ("auto", {"shares": {"train": 1.0}}, "the option `shares` with 'disjoint' or .* only, got"),
        ("auto", {"carved": {"val": 0.1}}, "the option `carved` with 'official' only, got"),
        ("official", {"carved": {"dev": 0.1}}, "Expected parts train, val, test in `carve`, got"),
        ("disjoint", {"shares": {"dev": 1.0}}, "Expected parts train, val, test in `shares`, got"),
        ("disjoint", {"shares": {"train": 0.9}}, "Expected `shares` > 0 with the sum 1, got"),
        ("disjoint", {"role": "test"}, "the option `role` with 'cross-dataset' only, got"),
    ],
)
def test_wrong_options(write, protocol, options, message):
    with pytest.raises(ConfigError, match=message):
        run(write(), protocol=protocol, **options)


def test_no_annotation(tmp_path):
    with pytest.raises(MissingDataError, match=r"No annotation file at .*gone\.json"):
        make_splits(tmp_path / "gone.json", tmp_path / "out.json")


ROWS = [
    ClipRow("a.mp4", 0, 0, 0, identity="A", split="train"),
    ClipRow("b.mp4", 1, 1, 0, identity="A", split="train", source="a.mp4"),
    ClipRow("c.mp4", 1, 1, 1, identity="A", split="test", source="a.mp4"),
    ClipRow("d.mp4", 1, identity="B", split="test"),
    ClipRow("e.mp4", -1),
]


def test_counts_and_what_the_parts_have_in_common():
    summary = SplitSummary(Path("s.json"), {"name": "disjoint", "seed": 0}, ROWS)
    assert summary.describe().splitlines() == [
        "s.json (name disjoint, seed 0)",
        "    part  clips  RVRA  FVRA  FVFA  unknown  identities",
        "no split      1     0     0     0        1           0",
        "    test      2     0     0     1        1           2",
        "   train      2     1     1     0        0           1",
        "in more than one part: 1 recording, 1 identity",
        "so scores under this split do not say how well a detector does on new people",
    ]


def test_without_identities_the_parts_may_share_people():
    rows = [ClipRow("a.mp4", 0, 0, 0, split="train")]
    text = SplitSummary(Path("s.json"), {"name": "official"}, rows).describe()
    assert text.endswith(
        "no identity is known, so the parts may show the same people in other recordings"
    )
