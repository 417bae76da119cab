from dataclasses import replace

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.media.measure import measure_file
from macbdf_mm.prepare.audit.audit import Audit
from macbdf_mm.prepare.audit.check_files import FileCheck
from macbdf_mm.prepare.audit.counts import count_formats, count_parts
from macbdf_mm.prepare.audit.shortcut_probes import PROBED_FEATURES, Question, ShortcutProbe
from macbdf_mm.prepare.splits.clip_groups import find_shared_identities
from macbdf_mm.reports.audit_page import write_audit_page

NAN = float("nan")
EVIL = "<script>alert('x')</script>&\"'"


@pytest.fixture
def make_page(make_clip, tmp_path, read_page):
    """Return a function that writes the page of an audit, some of whose parts are given."""
    check = FileCheck(measure_file(make_clip(seconds=0.4)))

    def make(rows, probes=(), checks=(), **changes):
        checks = {**{row.file: check for row in rows}, **dict(checks)}
        audit = Audit(
            annotation="data/annotation.json", dataset="mine", is_synthetic=False, rows=rows,
            checks=checks, parts=count_parts(rows), formats=count_formats(rows, checks),
            probes=probes, source_leaks=find_source_leaks(rows),
            shared_identities=find_shared_identities(rows),
        )  # fmt: skip
        path = write_audit_page(replace(audit, **changes), tmp_path)
        assert path == tmp_path / "index.html"
        return read_page(path.read_text(encoding="utf-8"))

    make.check = check
    return make


def rows_of(num_clips, **fields):
    return [ClipRow(f"{k}.mp4", k % 2, k % 2, 0, split="train", **fields) for k in range(num_clips)]


def probes_of(**found):
    """Return the probes of all fakes and of ``val``; of those not given nothing is known."""
    return [
        ShortcutProbe(name, question, found.get(name, NAN) if at is None else NAN, 0.01, 30, 40)
        for at, question in ((None, Question("fake")), ("val", Question("fake", "val")))
        for name in PROBED_FEATURES
    ]


def test_a_leak_is_on_top_of_the_page_in_the_table_and_in_the_pictures(make_page):
    probes = probes_of(duration=0.95, codec=0.7, loudness=0.55)
    page = make_page(rows_of(8), probes, is_synthetic=True)
    assert "Properties of the files alone tell real from fake: duration." in page.text
    assert "8 rendered clips, 4 real, 4 fake" in page.text
    assert "highest AUC of a single property of the files: duration, real from fake" in page.text
    table = page.table("AUC")
    assert table[0] == ["AUC", "all fakes", "in val"]
    cells = {row[0]: row[1:] for row in table}
    assert cells["duration"] == ["leak 0.950", "-"]
    assert cells["codec"] == ["! 0.700", "-"]
    assert cells["loudness"] == ["0.550", "-"]
    assert cells["real / fake clips"] == ["30 / 40", "30 / 40"]
    # A codec is no number.
    assert page.pictures == [
        "AUC of each property of the files on the label of the clip",
        "Histograms of duration of real and fake clips",
    ]


def test_without_a_leak_there_is_no_warning_but_the_highest_is_shown(make_page):
    page = make_page(rows_of(8), probes_of(loudness=0.55, codec=0.5))
    assert "tell real from fake: " not in page.text
    assert page.pictures[1:] == ["Histograms of loudness of real and fake clips"]


def test_too_few_clips_are_a_dash(make_page):
    page = make_page(rows_of(2), probes_of())
    assert {cell for row in page.table("AUC")[1:-1] for cell in row[1:]} == {"-"}
    assert len(page.pictures) == 1


def test_counts_stand_in_tables(make_page):
    rows = [
        ClipRow("a", 0, 0, 0, identity="Ann", split="train"),
        ClipRow("b", 1, 1, 0, identity="Ann", method="swap", split="train"),
        ClipRow("c", 1, method="swap", split="val"),
    ]
    page = make_page(rows, probes_of())
    assert page.table("part")[1:] == [
        ["train", "2", "1", "1", "1", "1", "0", "0", "0", "1", "2", "50.0%", "50.0%"],
        ["val", "1", "0", "1", "0", "0", "0", "0", "1", "0", "1", "100.0%", "100.0%"],
        ["all", "3", "1", "2", "1", "1", "0", "0", "1", "1", "3", "66.7%", "66.7%"],
    ]
    assert page.table("method") == [["method", "fake clips"], ["swap", "2"]]
    assert page.table("identities with most clips")[1:] == [["Ann", "2"]]
    assert page.table("format")[1][1:] == ["1", "2", "0"]
    assert "No recording and no person is known to be in two parts" in page.text
    assert "Every file decodes: from its start to its end" in page.text


def test_what_is_in_two_parts_and_what_is_broken_is_listed(make_page):
    rows = [
        ClipRow("a", 0, identity="Ann", split="train"),
        ClipRow("b", 1, source="a", split="val"),
        ClipRow("c", 1, identity="Ann", split="val"),
    ]
    measures = replace(make_page.check.measures, num_damaged_packets=2, peak=0.0)
    checks = {"b": FileCheck(None, "b is empty"), "c": FileCheck(measures)}
    page = make_page(rows, probes_of(), checks)
    assert page.table("recording")[1:] == [["a", "a (train)", "b (val)"]]
    assert page.table("identity")[1:] == [["Ann", "train, val"]]
    assert page.table("file")[1:] == [
        ["b", "b is empty"],
        ["c", "2 packets do not decode, or not without errors; silent sound"],
    ]


def test_at_most_three_properties_are_drawn(make_page):
    probes = probes_of(duration=0.95, loudness=0.94, brightness=0.93, **{"bit rate": 0.92})
    page = make_page(rows_of(8), probes)
    assert len(page.pictures) == 1 + 3


def test_long_lists_of_what_is_in_two_parts_are_cut(make_page):
    rows = [
        ClipRow(
            f"{k}.mp4", 0, source=str(k // 2), split=("train", "val")[k % 2], identity=str(k // 2)
        )
        for k in range(500)
    ]
    page = make_page(rows, probes_of())
    assert "In more than one part: 250 recordings, 250 people (at most 200" in page.text
    assert len(page.table("recording")) == len(page.table("identity")) == 1 + 200


def test_long_lists_are_cut_and_say_so(make_page):
    rows = rows_of(250)
    checks = {row.file: FileCheck(None, "broken") for row in rows}
    page = make_page(rows, probes_of(), checks)
    assert len(page.table("file")) == 1 + 200
    assert "Unreadable: 250, unusual: 0 (at most 200 are listed" in page.text
    assert "No file can be read." in page.text


def test_names_cannot_change_the_page(make_page):
    rows = [
        ClipRow(EVIL, 0, identity=EVIL, split=EVIL),
        ClipRow("b" + EVIL, 1, identity=EVIL, method=EVIL, source=EVIL, split="val"),
        ClipRow("c" + EVIL, 1, split=EVIL),
    ]
    checks = {rows[2].file: FileCheck(None, EVIL)}
    probes = [
        ShortcutProbe(name, Question("fake", split), 0.95, 0.01, 9, 9)
        for split in (None, EVIL)
        for name in PROBED_FEATURES
    ]
    page = make_page(rows, probes, checks, dataset=EVIL, annotation=EVIL)
    assert not {"script", "alert"} & set(page.tags)
    assert f"in {EVIL}" in page.table("AUC")[0]
    assert page.table("method")[1] == [EVIL, "1"]
    assert page.table("file")[1] == ["c" + EVIL, EVIL]
    assert page.table("recording")[1][0] == EVIL
