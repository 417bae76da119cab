import pytest

from macbdf_mm.prepare.converters.findings import KINDS, Findings


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
