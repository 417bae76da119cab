import json
import os
from collections import Counter
from pathlib import Path

import pytest
from av_deepfake1m_tree import write_av_deepfake1m_tree
from dfdc_tree import DfdcPart, write_dfdc_tree
from fakeavceleb_tree import write_fakeavceleb_tree
from lavdf_tree import write_lavdf_tree
from recordings import record, save

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.prepare.converters import convert_dataset
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard


@pytest.fixture(scope="module")
def dfdc(tmp_path_factory):
    """Return a DFDC tree and the true labels of its files."""
    root = tmp_path_factory.mktemp("dfdc")
    return root, write_dfdc_tree(root, num_originals=2)


def labels(path):
    return {row.file: (row.video_label, row.audio_label) for row in load_annotation(path).rows}


def test_the_tracks_of_dfdc_are_told_by_comparing(dfdc, tmp_path):
    root, truth = dfdc
    report = convert_dataset("dfdc", root, tmp_path / "out.json")
    found = labels(tmp_path / "out.json")
    assert set(found) == set(truth)
    for file, tracks in truth.items():
        unnamed = file.startswith(("validation", "test")) and tracks != (0, 0)
        assert found[file] == ((-1, -1) if unnamed else tracks)
    assert len(report.findings["originals_unnamed"]) == 2
    rows = load_annotation(tmp_path / "out.json").rows
    assert all(row.duration_seconds == pytest.approx(1.0, abs=0.15) for row in rows)


def test_two_processes_write_the_same_and_a_second_run_measures_nothing(dfdc, tmp_path):
    root, _ = dfdc
    calls = []
    convert_dataset("dfdc", root, tmp_path / "one.json")
    out = tmp_path / "two.json"
    convert_dataset("dfdc", root, out, engine=LocalEngine(2))
    first = out.read_bytes()
    assert first == (tmp_path / "one.json").read_bytes()
    journal = (tmp_path / "two.journal.jsonl").read_bytes()
    convert_dataset("dfdc", root, out, progress=lambda *state: calls.append(state))
    assert calls == [("headers", 12, 12), ("comparisons", 6, 6)]
    assert out.read_bytes() == first
    assert (tmp_path / "two.journal.jsonl").read_bytes() == journal


def test_without_looking_into_files_the_tracks_of_fakes_are_unknown(dfdc, tmp_path):
    root, truth = dfdc
    out = tmp_path / "out.json"
    for inspection in ("nothing", "headers"):
        convert_dataset("dfdc", root, out, inspection)
        unknown = {file for file, tracks in labels(out).items() if tracks == (-1, -1)}
        assert unknown == {file for file, tracks in truth.items() if tracks != (0, 0)}
    assert not (tmp_path / "nothing.journal.jsonl").exists()
    rule = {"audio_fake_implies_video_fake": True}
    convert_dataset("dfdc", root, out, "nothing", rule)
    assert set(labels(out).values()) == {(0, 0), (1, -1)}


def test_awkward_files_are_kept_and_listed(tmp_path):
    part = DfdcPart(tmp_path / "part")
    part.add_real("real.mp4", seed=0)
    part.add_real("mute.mp4", seed=1, with_sound=False)
    part.add_fake("mutefake.mp4", "gone.mp4", seed=2, tracks="video", with_sound=False)
    part.add_real("empty.mp4", seed=3)
    part.add_fake("brokenfake.mp4", "real.mp4", seed=0, tracks="video")
    part.write()
    (part.folder / "empty.mp4").write_bytes(b"")
    (part.folder / "brokenfake.mp4").write_bytes(b"not a video")
    report = convert_dataset("dfdc", tmp_path, tmp_path / "out.json")
    found = labels(tmp_path / "out.json")
    assert found == {
        "part/real.mp4": (0, 0),
        "part/mute.mp4": (0, -1),
        # It is fake and has no sound, so it is the video, even without its original.
        "part/mutefake.mp4": (1, -1),
        "part/empty.mp4": (0, 0),
        "part/brokenfake.mp4": (-1, -1),
    }
    listed = {kind: [found.item for found in of] for kind, of in report.findings}
    assert listed == {
        "originals_missing": ["part/mutefake.mp4"],
        "tracks_uncertain": ["part/brokenfake.mp4"],
        "empty_files": ["part/empty.mp4"],
        "unreadable_files": ["part/empty.mp4", "part/brokenfake.mp4"],
        "without_sound": ["part/mute.mp4", "part/mutefake.mp4"],
    }
    saved = json.loads(Path(tmp_path / "out.report.json").read_text())
    assert saved["findings"]["empty_files"]["count"] == 1


def test_files_that_were_added_later_are_the_only_ones_measured(tmp_path):
    part = DfdcPart(tmp_path / "part")
    part.add_fake("fake.mp4", "real.mp4", seed=0, tracks="audio")
    part.write()
    convert_dataset("dfdc", tmp_path, tmp_path / "out.json")
    assert labels(tmp_path / "out.json") == {"part/fake.mp4": (-1, -1)}
    later = DfdcPart(tmp_path / "later")
    later.add_real("real.mp4", seed=0)
    later.write()
    calls = []
    convert_dataset("dfdc", tmp_path, tmp_path / "out.json", progress=lambda *s: calls.append(s))
    assert calls[0] == ("headers", 1, 2)
    assert calls[-1] == ("comparisons", 1, 1)
    assert labels(tmp_path / "out.json")["part/fake.mp4"] == (0, 1)


def test_the_annotation_is_not_replaced_when_nothing_was_found(tmp_path):
    (tmp_path / "metadata.json").write_text('{"a.mp4": {"label": "REAL", "split": "train"}}')
    save(tmp_path / "other.mp4", record(0))
    out = tmp_path / "out.json"
    out.write_text("kept")
    with pytest.raises(MissingDataError, match=r"No row of .* used; .* 1 row and 1 media file\."):
        convert_dataset("dfdc", tmp_path, out)
    (tmp_path / "metadata.json").write_text('{"other.mp4": {"label": "?"}}')
    with pytest.raises(MissingDataError, match=r"not understood: .*`label` is '\?', expected FAKE"):
        convert_dataset("dfdc", tmp_path, out)
    (tmp_path / "t.csv").write_text("file,label\n/data/other.mp4,real\n")
    with pytest.raises(MissingDataError, match=r"first without a file: 'data/other.mp4' \(t.csv"):
        convert_dataset("generic", tmp_path, out, options={"table": tmp_path / "t.csv"})
    (tmp_path / "t.csv").write_text("file,label\n")
    with pytest.raises(MissingDataError, match=r"tables of .* hold no row, 1 media files"):
        convert_dataset("generic", tmp_path, out, options={"table": tmp_path / "t.csv"})
    assert out.read_text() == "kept"


def test_halves_of_characters_in_data_of_ones_own_are_kept(tmp_path):
    save(tmp_path / "a.mp4", record(0))
    rows = [{"file": "a.mp4", "said": "\ud83d"}, {"file": "\udcff"}, "\ud800"]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    options = {"table": str(tmp_path / "t.json")}
    report = convert_dataset("generic", tmp_path, tmp_path / "out.json", options=options)
    assert load_annotation(tmp_path / "out.json").rows[0].extra == {"said": "\ud83d"}
    assert json.loads(report.path.read_text())["rows_written"] == 1
    assert report.describe().isprintable() is False  # Only for its ends of lines.
    assert all(line.isprintable() for line in report.describe().split("\n"))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("fakeavceleb", write_fakeavceleb_tree),
        ("lavdf", write_lavdf_tree),
        ("av_deepfake1m", write_av_deepfake1m_tree),
        ("generic", write_fakeavceleb_tree),
    ],
)
def test_every_layout(tmp_path, name, write):
    truth = write(tmp_path / "data", seconds=0.6)
    report = convert_dataset(name, tmp_path / "data", tmp_path / "out.json")
    assert labels(tmp_path / "out.json") == truth
    kinds = {kind for kind, _ in report.findings}
    assert kinds <= {"unlabelled", "files_without_rows"}
    for row in load_annotation(tmp_path / "out.json").rows:
        assert row.duration_seconds == pytest.approx(0.6, abs=0.15)
        if row.video_fake_intervals:
            assert row.video_fake_intervals == ((0.24, 0.48),)


def test_the_file_is_trusted_where_the_table_disagrees(tmp_path):
    write_lavdf_tree(tmp_path, num_originals=1, seconds=1.0)
    table = tmp_path / "metadata.min.json"
    entries = json.loads(table.read_text())
    entries[0]["duration"] = 9.0
    entries[1]["fake_periods"] = [[0.2, 0.4], [7.0, 8.0]]
    entries[2]["fake_periods"] = [[7.0, 8.0]]
    table.write_text(json.dumps(entries))
    report = convert_dataset("lavdf", tmp_path, tmp_path / "out.json")
    rows = load_annotation(tmp_path / "out.json").rows
    assert rows[0].duration_seconds < 1.3
    assert rows[1].video_fake_intervals == ((0.2, 0.4),)
    assert (rows[2].label, rows[2].audio_label, rows[2].audio_fake_intervals) == (1, -1, ())
    files = [row.file for row in rows]
    assert [item.item for item in report.findings["durations_corrected"]] == files[:1]
    assert [item.item for item in report.findings["intervals_corrected"]] == files[1:3]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dfcd", {}, "Expected a converter of .*dfdc, fakeavceleb.*, got 'dfcd'"),
        ("dfdc", {"inspection": "all"}, "Expected `inspection` of nothing, headers, tracks"),
        ("lavdf", {"inspection": "tracks"}, "'headers' or 'nothing' for lavdf, got 'tracks'"),
        (
            "lavdf",
            {"options": {"audio_fake_implies_video_fake": True}},
            "`audio_fake_implies_video_fake` with 'dfdc' only, got it with 'lavdf'",
        ),
        (
            "dfdc",
            {"options": {"table": "t"}},
            "`table` with 'generic' only, got it with 'dfdc'",
        ),
    ],
)
def test_wrong_arguments(tmp_path, name, options, message):
    with pytest.raises(ConfigError, match=message):
        convert_dataset(name, tmp_path, tmp_path / "out.json", **options)


def test_shards_fill_the_journal_and_the_whole_then_measures_nothing(dfdc, tmp_path):
    root, _ = dfdc
    convert_dataset("dfdc", root, tmp_path / "one.json")
    out = tmp_path / "out.json"
    totals, calls = Counter(), []
    for index in (1, 2, 3):
        calls.clear()
        report = convert_dataset(
            *("dfdc", root, out), shard=Shard(index, 3), progress=lambda *state: calls.append(state)
        )
        assert report is None
        assert not out.exists()
        totals.update({what: total for what, finished, total in calls if finished == total})
    # Each file is in one shard, and so is each fake.
    assert totals == {"headers": 12, "comparisons": 6}
    calls.clear()
    convert_dataset("dfdc", root, out, progress=lambda *state: calls.append(state))
    assert calls == [("headers", 12, 12), ("comparisons", 6, 6)]
    assert out.read_bytes() == (tmp_path / "one.json").read_bytes()


def test_a_journal_of_an_older_version_is_measured_anew(tmp_path):
    write_lavdf_tree(tmp_path / "data", num_originals=1, seconds=0.4)
    journal = tmp_path / "out.journal.jsonl"
    old = json.dumps([1, "headers", "test/000000.mp4", [[1, 2]], {"has_audio": False}])
    journal.write_text(old + "\n")
    convert_dataset("lavdf", tmp_path / "data", tmp_path / "out.json")
    assert len(journal.read_text().splitlines()) == 1 + 12
    rows = load_annotation(tmp_path / "out.json").rows
    assert -1 not in [row.audio_label for row in rows]


def test_what_cannot_be_looked_into_is_listed(tmp_path, make_clip):
    for label in ("real", "fake"):
        make_clip(f"set/{label}/there.mp4", seconds=1.0)
        os.symlink("/nowhere/gone.mp4", tmp_path / "set" / label / "gone.mp4")
    os.symlink("/nowhere/part2", tmp_path / "set/part2")
    os.mkfifo(tmp_path / "set/real/pipe.mp4")
    report = convert_dataset("generic", tmp_path / "set", tmp_path / "out.json")
    assert len(report.rows) == 2
    assert [(found.item, found.note) for found in report.findings["unreachable"]] == [
        ("fake/gone.mp4", "is a link to '/nowhere/gone.mp4', where there is nothing"),
        ("part2", "is a link to '/nowhere/part2', where there is nothing"),
        ("real/gone.mp4", "is a link to '/nowhere/gone.mp4', where there is nothing"),
        ("real/pipe.mp4", "is a pipe, no file"),
    ]
    assert "  4 places that were not looked into" in report.describe()
    written = json.loads((tmp_path / "out.report.json").read_text())
    assert written["findings"]["unreachable"]["count"] == 4


def test_a_folder_of_which_nothing_is_left_says_why(tmp_path):
    (tmp_path / "set/real").mkdir(parents=True)
    os.symlink("/nowhere/gone.mp4", tmp_path / "set/real/gone.mp4")
    with pytest.raises(MissingDataError, match=r"1 places .* 'real/gone\.mp4', is a link to '/now"):
        convert_dataset("generic", tmp_path / "set", tmp_path / "out.json")


def test_rows_that_contradict_each_other_are_named_if_none_is_left(tmp_path, make_clip):
    make_clip("set/a.mp4", seconds=1.0)
    table = tmp_path / "set/t.csv"
    table.write_text("file,label\na.mp4,1\na.mp4,0\n")
    message = r"'a\.mp4' has other labels in t\.csv, line 3 than in t\.csv, line 2"
    with pytest.raises(MissingDataError, match=message):
        convert_dataset("generic", tmp_path / "set", tmp_path / "o.json", options={"table": table})
