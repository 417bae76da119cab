import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.read_table import (
    read_csv,
    read_json,
    read_json_lines,
    read_lines,
)


def test_json(tmp_path):
    path = tmp_path / "metadata.json"
    path.write_text('{"a": 1}')
    assert read_json(path, dict) == {"a": 1}
    with pytest.raises(AnnotationError, match=r"metadata\.json: expected a list, got dict"):
        read_json(path, list)
    path.write_text('[{"a": 1, "words": [["x", 0.1, 0.2]]}, {"words": []}]')
    assert read_json(path, list, keys=("a", "b")) == [{"a": 1}, {}]
    path.write_text('[{"a": 1},')
    with pytest.raises(AnnotationError, match=r"not valid JSON: .* may be a download that was cut"):
        read_json(path, list)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match="begins like UTF-16 text, but byte 2 is none"):
        read_json(path, list)
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.json"):
        read_json(tmp_path / "gone.json", dict)


def test_json_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert list(read_json_lines(path)) == [(1, {"a": 1}), (3, {"a": 2})]
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(
        AnnotationError, match=r"rows\.jsonl is not valid JSON: .* in line 2, column 7"
    ):
        list(read_json_lines(path))


def test_csv(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('\ufefffile, label,\n"a, b.mp4",1 ,dir\n\nc.mp4,0,dir2\n')
    assert list(read_csv(path, needed=("file",))) == [
        (2, {"file": "a, b.mp4", "label": "1", "": "dir"}),
        (4, {"file": "c.mp4", "label": "0", "": "dir2"}),
    ]
    with pytest.raises(AnnotationError, match=r"labels\.csv: has no column 'split'; its header is"):
        list(read_csv(path, needed=("file", "split")))
    path.write_text("file,label\na.mp4\n")
    with pytest.raises(AnnotationError, match="line 2 has 1 cells, the header has 2"):
        list(read_csv(path, needed=()))
    path.write_text("")
    with pytest.raises(AnnotationError, match=r"labels\.csv has no header in line 1"):
        list(read_csv(path, needed=("file",)))


SAID = "one\u2028two\u0085three"


def test_no_other_character_ends_a_line(tmp_path):
    path = tmp_path / "t"
    path.write_bytes(f'{{"said": "{SAID}"}}\r\n{{"said": "x"}}'.encode())
    assert list(read_json_lines(path)) == [(1, {"said": SAID}), (2, {"said": "x"})]
    path.write_bytes(f"a\n\n{SAID}\x0b\x1c\r\n".encode())
    assert list(read_lines(path)) == [(1, "a"), (3, f"{SAID}\x0b\x1c")]
    path.write_bytes(f"file,said\na,{SAID}\nb,x\n".encode())
    rows = [cells for _, cells in read_csv(path, needed=("file",))]
    assert rows == [{"file": "a", "said": SAID}, {"file": "b", "said": "x"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_breaks_in_quotes_are_text_and_rows_are_named_by_their_first_line(tmp_path, end):
    path = tmp_path / "t.csv"
    path.write_bytes(f'file,said{end}a,"one{end}two\rthree"{end}b,x{end}'.encode())
    (first, cells), (second, _) = read_csv(path, needed=("file",))
    assert cells["said"] == f"one{end}two\rthree"
    assert (first, second) == (2, 5)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_tables_of_spreadsheet_programs(tmp_path, sign, encoding):
    path = tmp_path / "t.csv"
    text = f'"file"{sign}said\r\n"a{sign}b"{sign}é\r\n'
    path.write_text(text, encoding=encoding, newline="")
    assert list(read_csv(path, needed=("file",))) == [(2, {"file": f"a{sign}b", "said": "é"})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("File,label\n", "has no column 'file'; its header is 'File,label'; is it 'File'"),
        ("file,label,label\n", "the header in line 1 names the column 'label' more than once"),
        ('file,x\na,1\nb,"2\nc,3\n', "the row that begins in line 3 cannot be read: .*quote"),
        ('file,x\n"a"b,1\n', "the row that begins in line 2 cannot be read"),
        ("file,x\na," + "b" * 200_000, "line 2 cannot be read: field larger"),
        ("file,x\na,b\0\n", "zero byte in line 2, column 4"),
        ("\n\n", "has no header in line 1"),
    ],
)
def test_tables_that_are_broken(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=message):
        list(read_csv(path, needed=("file",)))


def test_of_columns_without_a_name_the_first_counts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("file,,,\na,folder,,\n")
    assert list(read_csv(path, needed=("file",))) == [(2, {"file": "a", "": "folder"})]
