import json
import math

import pytest
from dfdc_tree import write_labels_csv

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.convert_dataset import fakes_by_original
from macbdf_mm.prepare.converters.converter import RowCollector
from macbdf_mm.prepare.converters.dfdc import DfdcConverter
from macbdf_mm.prepare.converters.media_tree import MediaTree

REAL = {"label": "REAL", "split": "train"}


def fake(original):
    return {"label": "FAKE", "split": "train", "original": original}


@pytest.fixture
def write(tmp_path):
    """Write a table, and media files by name with their contents."""

    def write(table, entries, files=()):
        path = tmp_path / table
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entries))
        for file, contents in dict(files).items():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(contents)

    return write


def read(root):
    findings = Findings()
    tree = MediaTree(root)
    collector = RowCollector(tree, findings)
    rows = DfdcConverter().read(collector)
    return {row.file: row for row in rows}, collector.num_read, findings, tree


def items(findings, kind):
    return [found.item for found in findings[kind]]


@pytest.mark.parametrize("nested", ["", "dfdc_train_part_0/"])
@pytest.mark.parametrize("table_above", [False, True])
def test_a_part_nested_once_more_or_not(write, tmp_path, nested, table_above):
    folder = f"dfdc_train_part_00/{nested}"
    table = "dfdc_train_part_00/metadata.json" if table_above else f"{folder}metadata.json"
    write(
        table,
        {"owxbbpjpch.mp4": fake("vpmyeepbep.mp4"), "vpmyeepbep.mp4": REAL},
        {f"{folder}owxbbpjpch.mp4": b"1", f"{folder}vpmyeepbep.mp4": b"22"},
    )
    rows, num_read, findings, tree = read(tmp_path)
    first, second = rows[f"{folder}owxbbpjpch.mp4"], rows[f"{folder}vpmyeepbep.mp4"]
    assert (first.label, first.video_label, first.audio_label) == (1, -1, -1)
    assert (second.label, second.video_label, second.audio_label) == (0, 0, 0)
    assert (first.source, second.source) == (second.file, None)
    assert first.split == second.split == first.extra["official_split"] == "train"
    assert num_read == 2
    assert not list(findings)
    assert fakes_by_original(list(rows.values()), tree) == {second.file: [first.file]}


def test_an_original_in_another_part_or_nowhere(write, tmp_path):
    write("p0/metadata.json", {"a.mp4": fake("real.mp4"), "b.mp4": fake("gone.mp4")},
          {"p0/a.mp4": b"1", "p0/b.mp4": b"22"})  # fmt: skip
    write("p1/metadata.json", {"real.mp4": REAL}, {"p1/real.mp4": b"333"})
    rows, _, findings, tree = read(tmp_path)
    assert rows["p0/a.mp4"].source == "p1/real.mp4"
    # Fakes of one missing original still belong together.
    assert rows["p0/b.mp4"].source == "gone.mp4"
    assert items(findings, "originals_missing") == ["p0/b.mp4"]
    assert fakes_by_original(list(rows.values()), tree) == {"p1/real.mp4": ["p0/a.mp4"]}


def test_fakes_of_one_missing_original_in_two_parts_share_their_source(write, tmp_path):
    for part in ("p0", "p1"):
        write(f"{part}/metadata.json", {f"{part}.mp4": fake("gone.mp4")},
              {f"{part}/{part}.mp4": part.encode()})  # fmt: skip
    rows, *_ = read(tmp_path)
    assert rows["p0/p0.mp4"].source == rows["p1/p1.mp4"].source


def test_a_part_that_was_fetched_twice(write, tmp_path):
    entries = {"fake.mp4": fake("real.mp4"), "real.mp4": REAL}
    for folder in ("a", "b"):
        files = {f"{folder}/fake.mp4": b"1", f"{folder}/real.mp4": b"22"}
        write(f"{folder}/metadata.json", entries, files)
    rows, num_read, findings, _ = read(tmp_path)
    assert list(rows) == ["a/fake.mp4", "a/real.mp4"]
    assert rows["a/fake.mp4"].source == "a/real.mp4"
    assert num_read == 4
    assert sorted(items(findings, "duplicate_files")) == ["b/fake.mp4", "b/real.mp4"]
    assert items(findings, "duplicate_rows") == ["a/fake.mp4", "a/real.mp4"]
    assert items(findings, "files_without_rows") == []


def test_equal_names_of_different_files_are_different_clips(write, tmp_path):
    write("a/metadata.json", {"0.mp4": REAL}, {"a/0.mp4": b"1"})
    write("b/metadata.json", {"0.mp4": REAL}, {"b/0.mp4": b"22"})
    rows, _, findings, _ = read(tmp_path)
    assert list(rows) == ["a/0.mp4", "b/0.mp4"]
    assert not list(findings)


def test_a_part_finds_its_own_file_of_a_name_that_another_part_has_too(write, tmp_path):
    for part, contents in (("a", b"1"), ("b", b"22")):
        write(f"{part}/metadata.json", {"0.mp4": REAL}, {f"{part}/videos/0.mp4": contents})
    rows, _, findings, _ = read(tmp_path)
    assert list(rows) == ["a/videos/0.mp4", "b/videos/0.mp4"]
    assert not list(findings)


def test_only_fakes_are_compared_with_their_source(write, tmp_path):
    write("metadata.json", {}, {"real.mp4": b"1", "copy.mp4": b"22", "fake.mp4": b"333"})
    rows = [ClipRow("copy.mp4", 0, source="real.mp4"), ClipRow("fake.mp4", 1, source="real.mp4")]
    assert fakes_by_original(rows, MediaTree(tmp_path)) == {"real.mp4": ["fake.mp4"]}


def test_full_set_validation_and_test(write, tmp_path):
    write_labels_csv(tmp_path / "validation", {"aaa.mp4": 1, "gone.mp4": 0})
    write_labels_csv(tmp_path / "test", {"bbb.mp4": 0})
    # A metadata.json of another form stands beside the labels.
    write("test/metadata.json", {"bbb.mp4": {"is_fake": 0}},
          {"validation/aaa.mp4": b"1", "test/videos/bbb.mp4": b"22"})  # fmt: skip
    rows, num_read, findings, _ = read(tmp_path)
    assert num_read == 3
    first, second = rows["validation/aaa.mp4"], rows["test/videos/bbb.mp4"]
    assert (first.label, first.video_label, first.audio_label, first.split) == (1, -1, -1, "val")
    assert (second.label, second.video_label, second.audio_label) == (0, 0, 0)
    assert second.split == "test"
    assert items(findings, "rows_without_files") == ["validation/gone.mp4"]
    assert items(findings, "originals_unnamed") == ["validation/aaa.mp4"]


def test_preview_set(write, tmp_path):
    fake_path, real_path = "method_A/1/2/1_2_A_002.mp4", "original_videos/1/1_A_002.mp4"
    entries = {
        fake_path: {"label": "fake", "set": "train"},
        real_path: {"label": "real", "set": "test"},
    }
    files = {f"preview/{fake_path}": b"1", f"preview/{real_path}": b"22"}
    write("preview/dataset.json", entries, files)
    rows, _, findings, _ = read(tmp_path)
    first, second = rows[f"preview/{fake_path}"], rows[f"preview/{real_path}"]
    assert (first.label, first.video_label, first.split) == (1, -1, "train")
    assert (second.label, second.video_label, second.split) == (0, 0, "test")
    assert [kind for kind, _ in findings] == ["originals_unnamed"]


def test_rows_without_files_and_files_without_rows(write, tmp_path):
    write("p/metadata.json", {"gone.mp4": REAL, "a.mp4": REAL},
          {"p/a.mp4": b"1", "test_videos/x.mp4": b"22"})  # fmt: skip
    rows, _, findings, _ = read(tmp_path)
    assert list(rows) == ["p/a.mp4"]
    assert items(findings, "rows_without_files") == ["p/gone.mp4"]
    assert items(findings, "files_without_rows") == ["test_videos/x.mp4"]


@pytest.mark.parametrize(
    ("stated", "label"), [("fake", 1), (1, 1), (1.0, 1), ("0.0", 0), ("Real", 0), (0, 0)]
)
def test_labels_as_programs_write_them(write, tmp_path, stated, label):
    write("p/metadata.json", {"a.mp4": {"label": stated, "split": math.nan, "original": math.nan}},
          {"p/a.mp4": b"1"})  # fmt: skip
    rows, *_ = read(tmp_path)
    row = rows["p/a.mp4"]
    assert (row.label, row.split, row.source) == (label, None, None)


@pytest.mark.parametrize("entry", [{"label": "MAYBE"}, {}, "FAKE"])
def test_a_row_that_is_not_understood_is_listed(write, tmp_path, entry):
    write("p/metadata.json", {"odd.mp4": entry, "a.mp4": REAL},
          {"p/a.mp4": b"1", "p/odd.mp4": b"22"})  # fmt: skip
    rows, _, findings, _ = read(tmp_path)
    assert list(rows) == ["p/a.mp4"]
    [found] = findings["rows_not_understood"]
    assert found.item == "p/odd.mp4"
    assert not findings["files_without_rows"]
    assert "expected FAKE or REAL, or 1 or 0" in found.note


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"original": ["x"]}, "`original` is ['x'], expected text"),
        ({"split": {}}, "the split is {}"),
        ({"label": ["FAKE"]}, "`label` is ['FAKE'], expected FAKE"),
        ({"label": True}, "`label` is True, expected FAKE"),
        ({"original": "\udcff"}, "`source` is '\\udcff', which holds half of a character"),
    ],
)
def test_a_fake_with_odd_values_is_listed(write, tmp_path, changes, reason):
    entry = {"label": "FAKE", "split": "train", "original": "a.mp4", **changes}
    write("p/metadata.json", {"odd.mp4": entry, "a.mp4": {**REAL, "original": float("nan")}},
          {"p/a.mp4": b"1", "p/odd.mp4": b"22"})  # fmt: skip
    rows, _, findings, _ = read(tmp_path)
    assert list(rows) == ["p/a.mp4"]
    assert reason in findings["rows_not_understood"][0].note


def test_a_file_with_two_entries_is_named(write, tmp_path):
    write("metadata.json", {}, {"a.mp4": b"1"})
    (tmp_path / "metadata.json").write_text('{"a.mp4": {"label": "REAL"}, "a.mp4": {}}')
    with pytest.raises(AnnotationError, match=r"states `a\.mp4` more than once"):
        read(tmp_path)


def test_what_is_no_dfdc(write, tmp_path):
    with pytest.raises(MissingDataError, match=r"No metadata\.json, labels\.csv or dataset\.json"):
        read(tmp_path)
    write("metadata.json", [1, 2])
    with pytest.raises(AnnotationError, match=r"metadata\.json: expected an object, got list"):
        read(tmp_path)
