import json

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.conversion_report import ConversionReport
from macbdf_mm.prepare.converters.findings import Findings


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
