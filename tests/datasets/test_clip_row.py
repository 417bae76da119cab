import json
from pathlib import Path

import pytest

from macbdf_mm.datasets.clip_row import ClipRow, RowPlace, parse_row
from macbdf_mm.errors import AnnotationError
from macbdf_mm.utils.tables import printable

PLACE = RowPlace(Path("ann.json"), 4)
FACE = {"times_seconds": [0.0], "boxes": [[0.1, 0.2, 0.3, 0.4]]}
CHOSEN = {**FACE, "chosen": True}


def test_fields_have_defaults():
    assert parse_row({"file": "a.mp4"}, PLACE) == ClipRow("a.mp4", -1)


DEEP = json.loads("[" * 80 + "]" * 80)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("label", 2, "expected 1 .fake., 0 .real. or -1 .unknown., got 2"),
        ("label", "FAKE", "got 'FAKE'"),
        ("video_label", True, "got True"),
        ("audio_label", 1.0, r"got 1\.0"),
        ("label", 0, "0 contradicts `video_label` 1 and `audio_label` 0"),
        ("file", "", "expected the name of a file"),
        ("file", 3, "expected the name of a file, got 3"),
        ("identity", 7, "expected text or null, got 7"),
        ("extra", [], "expected an object"),
        ("extra", None, "expected an object, got None"),
        ("faces", {}, "expected a list of objects"),
        ("faces", [FACE, {"boxes": []}], r"\[1\]: a face track needs `times_seconds`"),
        ("faces", [CHOSEN, FACE, CHOSEN], "one chosen face at most, got 2"),
        ("duration_seconds", -1, "expected seconds > 0, got -1"),
        ("duration_seconds", 1e18, "expected at most 1000000 s .* got 1e\\+18"),
        ("duration_seconds", float("nan"), "expected seconds > 0, got nan"),
        ("video_fake_intervals", "0-1", r"expected a list of \[start, end\] pairs"),
        ("video_fake_intervals", [[0.0]], r"expected \[start, end\] in seconds,.* got \[0\.0\]"),
        ("video_fake_intervals", [[1.0, 0.5]], "0 <= start < end, ascending and disjoint"),
        ("video_fake_intervals", [[-0.1, 0.5]], "0 <= start < end, ascending and disjoint"),
        ("video_fake_intervals", [[0.5, 0.9], [0.8, 1.0]], r"got \[0\.8, 1\.0\] after 0\.9 s"),
        ("video_fake_intervals", [[7.0, 8.0]], "starts after the clip's end at 3 s"),
        ("audio_fake_intervals", [[0.0, 1.0]], "`audio_label` is 0; set it to 1"),
        ("file", "\udcff.mp4", r"'\\udcff.mp4' holds half of a character; no file can"),
        ("label", "\ud83d", r"'\\ud83d' holds half of a character"),
        ("extra", "\ud83d", r"expected an object, got '\\ud83d'"),
        ("faces", ["\ud83d"], r"expected a list of objects or null, got \['\\ud83d'\]"),
        ("faces", [{"\ud83d": 1}], r"there is no `\\ud83d` in a face track"),
        ("video_fake_intervals", [["\ud83d", 1]], r"in seconds.*, got \[\['\\ud83d', 1\]\]"),
        ("vid\ud83d_label", 1, "no such field"),
        ("method", "a\ud83d", r"'a\\ud83d' holds half of a character"),
        ("extra", {"x": DEEP}, "expected at most 64 levels of lists and objects"),
        ("faces", [{"boxes": DEEP}], "expected at most 64 levels"),
        ("faces", [{"times_seconds": [10**400]}], "to be lists of numbers, got .100000000"),
        ("label", DEEP, r"expected 1 \(fake\), 0 \(real\) or -1 \(unknown\), got \[\[.*\.\.\."),
        ("label", 10**400, r"expected 1 \(fake\).*, got 1000000"),
        ("duration_seconds", 10**400, "expected seconds > 0, got 10000"),
        ("video_fake_intervals", [[0, 10**400]], r"got \[0, 1000000"),
        ("vido_label", 1, "no such field; did you mean `video_label`"),
        ("fps", 25, "no such field; own fields belong in `extra`"),
    ],
)
def test_errors_name_file_row_and_field(field, value, message):
    row = {"file": "a.mp4", "video_label": 1, "audio_label": 0, "duration_seconds": 3.0}
    with pytest.raises(AnnotationError, match=message) as caught:
        parse_row({**row, field: value}, PLACE)
    name = printable(field)
    assert f"ann.json: row 5 (data_list[4]), field `{name}`" in str(caught.value)


def test_a_row_names_its_file():
    with pytest.raises(AnnotationError, match=r"row 5 .*`file`: expected the name of a file"):
        parse_row({"label": 1}, PLACE)


def test_a_row_is_an_object():
    with pytest.raises(AnnotationError, match=r"row 5 .*expected an object, got list"):
        parse_row([], PLACE)


@pytest.mark.parametrize(
    ("file", "plain"), [("./a.mp4", "a.mp4"), ("x/../a.mp4", "a.mp4"), ("x//a.mp4", "x/a.mp4")]
)
def test_a_file_has_one_name(file, plain):
    assert parse_row({"file": file}, PLACE).file == plain


@pytest.mark.parametrize("file", ["/etc/a.mp4", "../a.mp4", "x/../../a.mp4"])
def test_files_outside_of_the_data_folder(file):
    with pytest.raises(AnnotationError, match="leads out of the data folder"):
        parse_row({"file": file}, PLACE)
    assert parse_row({"file": file}, PLACE, allow_outside_root=True).file.endswith("a.mp4")


@pytest.mark.parametrize("file", [".", "a/..", "a\0.mp4", "x/" + "é" * 128, "a/" * 2047 + "ab"])
def test_names_of_no_file(file):
    with pytest.raises(AnnotationError, match="expected the name of a file"):
        parse_row({"file": file}, PLACE)
