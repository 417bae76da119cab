import pytest

from macbdf_mm.datasets.annotation import load_annotation, save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.prepare.splits import SplitOptions, make_splits


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


def run(path, out=None, **options):
    out = out or path.with_name("out.json")
    [summary] = make_splits(path, out, SplitOptions(**options))
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
    summaries = make_splits(path, tmp_path / "f.json", SplitOptions("k-fold", num_folds=4))
    assert [summary.path.name for summary in summaries] == [f"f.fold{k}.json" for k in range(4)]
    third = load_annotation(tmp_path / "f.fold2.json")
    assert third.metainfo["split_protocol"] == {
        "name": "k-fold", "seed": 0, "num_folds": 4, "fold": 2,
    }  # fmt: skip
    assert run(path, protocol="k-fold", num_folds=4, fold=2).rows == third.rows


def test_clips_without_a_label_are_in_no_part(write):
    unlabelled = ClipRow("u.mp4", -1, split="test", extra={"official_split": "test"})
    path = write("train", "val", extra_rows=[unlabelled])
    for protocol in ("disjoint", "paper-80-20", "k-fold"):
        loaded = run(path, protocol=protocol, fold=0)
        assert parts(loaded).pop("u.mp4") is None
        assert None not in [row.split for row in loaded.rows[:-1]]
    assert parts(run(path, protocol="official"))["u.mp4"] == "test"


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("random", {}, "Expected `protocol` of auto, official, .*, got 'random'"),
        ("auto", {"shares": {"train": 1.0}}, "Expected `shares` with the protocol 'disjoint' only"),
        ("auto", {"carve": {"val": 0.1}}, "Expected `carve` with the protocol 'official' only"),
        ("disjoint", {"shares": {"dev": 1.0}}, "Expected parts train, val, test in `shares`, got"),
        ("disjoint", {"shares": {"train": 0.9}}, "Expected `shares` > 0 with the sum 1, got"),
    ],
)
def test_wrong_options(write, protocol, options, message):
    with pytest.raises(ConfigError, match=message):
        run(write(), protocol=protocol, **options)


def test_no_annotation(tmp_path):
    with pytest.raises(MissingDataError, match=r"No annotation file at .*gone\.json"):
        make_splits(tmp_path / "gone.json", tmp_path / "out.json")
