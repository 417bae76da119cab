import json

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.conversion_report import KINDS, ConversionReport, Findings


def test_the_text_is_short_the_file_is_complete(tmp_path):
    findings = Findings()
    for index in range(9):
        findings.add("files_without_rows", f"{index}.mp4")
    rows = [
        ClipRow("a.mp4", 0, 0, 0, split="train"),
        ClipRow("b.mp4", 1, 1, 0, split="train"),
        ClipRow("c.mp4", 1, split="test"),
        ClipRow("d.mp4", -1),
    ]
    report = ConversionReport(
        "dfdc", tmp_path, tmp_path / "a.json", tmp_path / "a.report.json", 7, 13, rows, findings,
        {"inspection": "headers"},
    )  # fmt: skip
    report.save()
    text = report.describe()
    assert "7 rows read, 13 media files found, 4 rows written" in text
    assert "by split: None 1, test 1, train 2" in text
    assert "by label: fake 2, real 1, unknown 1" in text
    assert "by category: FVRA 1, RVRA 1, unknown 2" in text
    assert "9 media files that no row names; left out: 0.mp4, 1.mp4, 2.mp4, ..." in text
    saved = json.loads((tmp_path / "a.report.json").read_text())
    assert saved["findings"]["files_without_rows"]["items"] == [f"{k}.mp4" for k in range(9)]
    assert (saved["rows_read"], saved["media_files"], saved["rows_written"]) == (7, 13, 4)
    assert saved["counts"]["category"] == {"FVRA": 1, "RVRA": 1, "unknown": 2}
    assert saved["options"] == {"inspection": "headers"}


def test_what_was_found_is_counted_and_listed_in_full():
    findings = Findings()
    for index in range(12):
        findings.add("files_without_rows", f"{index}.mp4")
    findings.add("duplicate_rows", "a.mp4", "line 3; first in line 2")
    assert [kind for kind, _ in findings] == ["files_without_rows", "duplicate_rows"]
    plain = findings.to_plain()
    assert plain["files_without_rows"]["count"] == 12
    assert plain["files_without_rows"]["items"] == [f"{index}.mp4" for index in range(12)]
    assert plain["duplicate_rows"]["items"] == [
        {"item": "a.mp4", "note": "line 3; first in line 2"}
    ]
    assert findings["empty_files"] == []


def test_every_kind_says_what_was_done():
    assert all("; left out" in text or "; kept" in text or "; all of" in text
               for text in KINDS.values())  # fmt: skip


def test_an_unknown_kind_is_a_slip_of_the_programmer():
    with pytest.raises(KeyError, match="oddities"):
        Findings().add("oddities", "a.mp4")
