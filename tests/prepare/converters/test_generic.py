import json
import os
import re
from pathlib import Path

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.converter import RowCollector
from macbdf_mm.prepare.converters.generic import COLUMNS, GenericConverter
from macbdf_mm.prepare.converters.media_tree import MediaTree

NAN = float("nan")


@pytest.fixture
def read_own(read):
    """Return a function that reads the temporary folder as the options say."""
    return lambda **options: read(GenericConverter(**options))


@pytest.fixture
def read_table(tmp_path, read_own):
    """Write a table, unless it is None, and return what comes out."""

    def run(text, name="table.csv", **options):
        if text is not None:
            (tmp_path / name).write_text(text)
        return read_own(table=str(tmp_path / name), **options)

    return run


def test_folders_by_category(touch, read_own):
    touch("RealVideo-RealAudio/a.mp4", "FakeVideo-RealAudio/b.mp4", "c.mp4")
    found = read_own()
    assert {file: row.category for file, row in found.rows.items()} == {
        "FakeVideo-RealAudio/b.mp4": "FVRA", "RealVideo-RealAudio/a.mp4": "RVRA",
    }  # fmt: skip
    assert found.findings == {"files_without_rows": ["c.mp4"]}


def test_names_that_lead_to_no_file_are_reported(touch, read_own, tmp_path):
    touch("real/a.mp4")
    (tmp_path / "real/gone.mp4").symlink_to("/nowhere/gone.mp4")
    (tmp_path / "real/gone.txt").symlink_to("/nowhere/gone.txt")
    os.mkfifo(tmp_path / "real/pipe.mp4")
    found = read_own()
    assert list(found.rows) == ["real/a.mp4"]
    assert found.findings == {"unreachable": ["real/gone.mp4", "real/gone.txt", "real/pipe.mp4"]}


def test_a_table(touch, read_own, tmp_path):
    touch("a.mp4", "b.mp4")
    (tmp_path / "t.csv").write_text("file,label,source\na.mp4,,\nb.mp4,fake,gone.mp4\n")
    found = read_own(table=str(tmp_path / "t.csv"))
    assert found.num_read == 2
    assert found.findings == {"unlabelled": ["a.mp4"], "originals_missing": ["b.mp4"]}


@pytest.mark.parametrize(
    ("pattern", "identities"),
    [(r"id\d+", ["id7", None]), (r"/(id\d)\d*_", ["id7", None]), ("^([^/]+)/", ["real", "real"])],
)
def test_who_is_seen_can_be_found_in_the_path(touch, read_own, pattern, identities):
    touch("real/id7_001.mp4", "real/x.mp4")
    rows = read_own(identity_pattern=pattern).rows
    assert [rows[file].identity for file in sorted(rows)] == identities


def test_a_stated_identity_is_kept(touch, read_own, tmp_path):
    touch("id1.mp4")
    (tmp_path / "t.csv").write_text("file,identity\nid1.mp4,Ada\n")
    rows = read_own(table=str(tmp_path / "t.csv"), identity_pattern=r"id\d").rows
    assert rows["id1.mp4"].identity == "Ada"


def test_options_that_do_not_fit(touch, read_own):
    touch("real/a.mp4")
    with pytest.raises(ConfigError, match="Expected `table` with `columns` and `values`"):
        read_own(values={"a": "real"})
    with pytest.raises(ConfigError, match=r"Expected `identity_pattern` .*, got '\(id'"):
        read_own(identity_pattern="(id")


def test_every_column(touch, read_table):
    touch("a/x.mp4", "a/real.mp4")
    header = (
        "file,label,video_label,audio_label,video_fake_intervals,audio_fake_intervals,"
        "identity,source,method,split,duration_seconds,note,size"
    )
    line = 'a/x.mp4,fake,1,Fake,"[[0.5, 1.0]]",0.5-1.25; 2 - 3,7,a/real.mp4,swap,dev,4.5,n,3'
    row = read_table(f"{header}\n{line}\n").rows["a/x.mp4"]
    assert (row.label, row.video_label, row.audio_label) == (1, 1, 1)
    assert row.video_fake_intervals == ((0.5, 1.0),)
    assert row.audio_fake_intervals == ((0.5, 1.25), (2.0, 3.0))
    assert (row.identity, row.source, row.method) == ("7", "a/real.mp4", "swap")
    assert (row.split, row.duration_seconds) == ("val", 4.5)
    assert row.extra == {"note": "n", "size": "3", "official_split": "val"}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_json(touch, read_table, name):
    touch("x.mp4", "y.mp4")
    rows = [
        {"file": "x.mp4", "category": "RVFA", "audio_fake_intervals": [[1, 2]], "identity": 7},
        {"file": "y.mp4", "label": 0, "extra_list": [1, 2]},
    ]
    lines = "\n".join(map(json.dumps, rows))
    found = read_table(lines if name.endswith("l") else json.dumps(rows), name).rows
    assert (found["x.mp4"].label, found["x.mp4"].category) == (1, "RVFA")
    assert found["x.mp4"].audio_fake_intervals == ((1.0, 2.0),)
    assert found["x.mp4"].identity == "7"
    assert found["y.mp4"].extra == {"extra_list": [1, 2]}


@pytest.mark.parametrize(
    ("header", "cells", "labels"),
    [
        ("label", "real", (0, 0, 0)),
        ("label", "fake", (1, -1, -1)),
        ("label", "", (-1, -1, -1)),
        ("video_label,audio_label", "1,0", (1, 1, 0)),
        ("video_label,audio_label", "0,0", (0, 0, 0)),
        ("video_label", "0", (-1, 0, -1)),
        ("category", "FakeVideo-RealAudio", (1, 1, 0)),
        ("category,video_label", "RVFA,0", (1, 0, 1)),
        ("label,video_label", "fake,0", (1, 0, -1)),
    ],
)
def test_labels_follow_from_what_is_stated(touch, read_table, header, cells, labels):
    touch("x.mp4")
    row = read_table(f"file,{header}\nx.mp4,{cells}\n").rows["x.mp4"]
    assert (row.label, row.video_label, row.audio_label) == labels


def test_a_table_with_other_names_and_other_words(touch, read_table):
    touch("x.mp4", "y.mp4", "z.mp4")
    rows = read_table(
        "name,target,person\nx.mp4,generated,-\ny.mp4,filmed,A\nz.mp4,talking head,N/A\n",
        columns={"file": "name", "label": "target", "identity": "person"},
        values={"generated": "fake", "filmed": "real", "talking head": "unknown"},
    ).rows
    assert [rows[name].label for name in ("x.mp4", "y.mp4", "z.mp4")] == [1, 0, -1]
    assert [rows[name].identity for name in ("x.mp4", "y.mp4", "z.mp4")] == [None, "A", None]


def test_where_files_are_looked_for(touch, tmp_path, read_table):
    touch("tables/x.mp4", "videos/deep/y.mp4", "a/z.mp4", "b/z.mp4")
    text = "file,label\nx.mp4,0\ny.mp4,0\nz.mp4,0\n./a/z.mp4,0\n"
    found = read_table(text, "tables/t.csv")
    assert list(found.rows) == ["tables/x.mp4", "videos/deep/y.mp4", "a/z.mp4"]
    # Two files have this name, so which one is meant is not guessed.
    assert found.findings == {"rows_without_files": ["z.mp4"], "files_without_rows": ["b/z.mp4"]}


@pytest.mark.parametrize(
    ("header", "cells", "reason"),
    [
        ("label", "generated", "`label` is 'generated', expected real, fake or unknown"),
        ("label,video_label", "real,1", "`label` 0 contradicts `video_label` 1"),
        ("label,video_label,audio_label", "fake,0,0", "`label` 1 contradicts `video_label` 0"),
        ("category", "RV", "`category` is 'RV', expected RVRA, FVRA, RVFA or FVFA"),
        ("category,audio_label", "RVFA,0", "`category` 'RVFA' contradicts `audio_label` 0"),
        ("duration_seconds", "long", "`duration_seconds` is 'long', expected seconds"),
        ("video_fake_intervals", "0.5 to 1", "expected a list of [start, end] in seconds"),
        ("video_fake_intervals", "[[0.5", "`video_fake_intervals` is '[[0.5', which is no JSON"),
    ],
)
def test_rows_that_are_not_understood(touch, read_table, header, cells, reason):
    touch("x.mp4")
    found = read_table(f"file,{header}\nx.mp4,{cells}\n")
    assert found.rows == {}
    assert found.findings == {"rows_not_understood": ["x.mp4"]}
    assert reason in found.notes["rows_not_understood"][0]


@pytest.mark.parametrize(
    "stated",
    [
        "a b/é1.mp4", "./a b//x/../é1.mp4", " a b/é1.mp4 ", "a b\\é1.mp4", ".\\a b\\é1.mp4",
        "A B/É1.MP4", "a%20b/%C3%A91.mp4", "a b/e\u03011.mp4", "É1.mp4",
    ],
)  # fmt: skip
def test_spellings_of_a_path_find_its_file(touch, read_table, stated):
    touch("a b/é1.mp4", "real/2.mp4")
    found = read_table(json.dumps([{"file": stated, "label": 0}]), "t.json")
    assert list(found.rows) == ["a b/é1.mp4"]
    is_other = stated.strip().lower() != stated.strip() or "%" in stated or "\u0301" in stated
    assert found.findings.get("files_respelled", []) == (["a b/é1.mp4"] if is_other else [])


def test_names_that_are_there_are_not_taken_for_other_spellings(touch, read_table):
    touch("a.mp4", "A.mp4", "b\\c.mp4", "b/c.mp4", "d%20e.mp4", "d e.mp4", "x/F.mp4", "y/f.MP4")
    stated = ["a.mp4", "b\\c.mp4", "d%20e.mp4", "f.mp4"]
    found = read_table(json.dumps([{"file": file, "label": 0} for file in stated]), "t.json")
    assert list(found.rows) == stated[:3]
    assert found.findings["rows_without_files"] == ["f.mp4"]  # Two differ from it in case alone.


def test_paths_that_do_not_start_at_the_root(touch, tmp_path, monkeypatch):
    touch("set/videos/1.mp4", "set/videos/2.mp4", "set/meta/t.csv", "else/3.mp4", "t.csv")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    videos = tmp_path / "set/videos"

    def files(table, *stated, root="set"):
        Path(table).write_text("\n".join(["file,label", *(f"{name},real" for name in stated)]))
        findings = Findings()
        collector = RowCollector(MediaTree(root), findings)
        GenericConverter(table=table).read(collector)
        return [*collector.finish()], [item.item for item in findings["rows_without_files"]]

    for table, stated in (
        ("set/meta/t.csv", "../videos/1.mp4"),
        ("set/meta/t.csv", "..\\videos\\1.mp4"),
        ("t.csv", "set/videos/1.mp4"),
        ("t.csv", f"{videos}/1.mp4"),
        (f"{tmp_path}/t.csv", f"{tmp_path}/link/videos/1.mp4"),
    ):
        for root in ("set", str(tmp_path / "set"), "link", "./else/../set"):
            rows, lost = files(table, stated, root=root)
            assert [row.file for row in rows] == ["videos/1.mp4"], (table, stated, root)
    elsewhere = [f"{tmp_path}/else/3.mp4", "../else/3.mp4", "D:\\set\\videos\\1.mp4", "x" * 5000]
    rows, lost = files("t.csv", *elsewhere)
    assert rows == []
    assert len(lost) == 4


def test_values_that_no_annotation_can_hold_are_refused_by_row(touch, read_table):
    names = [f"{number}.mp4" for number in range(9)]
    touch(*names)
    deep = json.loads("[" * 80 + "]" * 80)
    odd = [
        {"identity": "\ud83d"}, {"note": deep}, {"label": deep}, {"duration_seconds": 10**400},
        {"video_label": 1, "video_fake_intervals": [[0, 10**400]]}, {"split": {}}, {"source": 1.5},
        {"duration_seconds": "3,2"},
    ]  # fmt: skip
    rows = [{"file": name, **entry} for name, entry in zip(names, [*odd, {}], strict=True)]
    found = read_table(json.dumps(rows), "t.json")
    assert found.findings["rows_not_understood"] == names[:-1]
    assert list(found.rows) == names[-1:]
    for note, [first_letter] in zip(found.notes["rows_not_understood"], "inldvssd", strict=True):
        assert re.match(rf"t\.json, entry \d: ([`']{first_letter}|the split)", note)
        assert len(note) < 200


def test_values_that_say_nothing(touch, read_table):
    touch("a.mp4")
    row = dict.fromkeys(("label", "identity", "source", "duration_seconds", "split", "x"), NAN)
    assert read_table(json.dumps([{"file": "a.mp4", **row}]), "t.json").rows["a.mp4"].extra == {}


@pytest.mark.parametrize("word", ["NaN", "None", "", "-", " null ", "n/a"])
def test_words_that_say_nothing(touch, read_table, word):
    touch("a.mp4")
    columns = [name for name in COLUMNS if name != "file"]
    text = f"file,{','.join(columns)},note\na.mp4{f',{word}' * len(columns)},none\n"
    found = read_table(text).rows["a.mp4"]
    assert found == ClipRow("a.mp4", -1, extra={"note": "none"})


def test_intervals_with_commas_are_quoted_as_they_stand(touch, read_table):
    touch("a.mp4")
    found = read_table('file,video_label,video_fake_intervals\na.mp4,fake,"0,5-1,2"\n')
    [note] = found.notes["rows_not_understood"]
    assert note.startswith("table.csv, line 2: `video_fake_intervals` is '0,5-1,2', expected a")


def test_a_column_that_was_renamed_wins_over_one_of_the_name(touch, read_table):
    touch("a.mp4", "b.mp4")
    text = "file,name,label\nb.mp4,a.mp4,real\n"
    assert list(read_table(text, columns={"file": "name"}).rows) == ["a.mp4"]


def test_rows_without_a_file_and_rows_that_are_none(read_table):
    found = read_table('{"label": 1}\n3\n', "t.jsonl")
    assert found.num_read == 2
    notes = found.notes["rows_not_understood"]
    assert notes == ["t.jsonl, line 1: it has no `file`", "t.jsonl, line 2: it is no object"]


@pytest.mark.parametrize(
    ("text", "name", "options", "error", "message"),
    [
        (None, "gone.csv", {}, MissingDataError, r"No file at .*gone\.csv"),
        ("", "t.xlsx", {}, AnnotationError, r"suffix \.csv, \.jsonl or \.json, got '\.xlsx'"),
        ("name\n", "t.csv", {}, AnnotationError, "has no column 'file'"),
        ("file\n", "t.csv", {"columns": {"label": "l"}}, AnnotationError, "has no column 'l'"),
        (
            "file\n",
            "t.csv",
            {"columns": {"labels": "l"}},
            ConfigError,
            "in `columns`, got 'labels'",
        ),
        ("file\n", "t.csv", {"values": {"x": "bad"}}, ConfigError, "got 'bad' for 'x'"),
        ("{}", "t.json", {}, AnnotationError, "expected a list, got dict"),
    ],
)
def test_tables_and_options_that_do_not_fit(read_table, text, name, options, error, message):
    with pytest.raises(error, match=message):
        read_table(text, name, **options)


@pytest.mark.parametrize(
    ("file", "labels", "split"),
    [
        ("RealVideo-RealAudio/a.mp4", (0, 0, 0), None),
        ("data/RVFA/id1/a.mp4", (1, 0, 1), None),
        ("train/FakeVideo-FakeAudio/a.mp4", (1, 1, 1), "train"),
        ("FakeVideo-RealAudio/validation/a.mp4", (1, 1, 0), "val"),
        ("real/a.mp4", (0, 0, 0), None),
        ("dev/Fake/faceswap/a.webm", (1, -1, -1), "val"),
        # The innermost folder decides, and one for both tracks before one for the clip.
        ("test/fake/real/a.mp4", (0, 0, 0), "test"),
        ("real/FVRA/fake/a.mp4", (1, 1, 0), None),
    ],
)
def test_the_names_of_folders_tell(touch, read_own, file, labels, split):
    touch(file)
    row = read_own().rows[file]
    assert (row.label, row.video_label, row.audio_label) == labels
    assert row.split == split


def test_files_below_no_such_folder_are_listed(touch, read_own):
    touch("real/a.mp4", "more/b.mp4", "c.mp4", "really/d.mp4")
    found = read_own()
    assert list(found.rows) == ["real/a.mp4"]
    assert found.findings == {"files_without_rows": ["c.mp4", "more/b.mp4", "really/d.mp4"]}


def test_no_folder_for_a_label(touch, read_own):
    touch("videos/a.mp4")
    with pytest.raises(MissingDataError, match=r"No folder below .* is named for a label"):
        read_own()
