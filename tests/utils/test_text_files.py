import json
import os

import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.utils.text_files import MAX_DEPTH, is_shallow, is_whole, parse_json, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_without_its_mark_and_with_its_line_ends(tmp_path, encoding):
    path = tmp_path / "t.txt"
    path.write_text("é\r\nb\n", encoding=encoding, newline="")
    assert read_text(path) == "é\r\nb\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ab\ncd\xff", r"t\.txt is not UTF-8 text: byte 0xff in line 2, column 3; save it"),
        (b"\xef\xbb\xbfa\n\xe9", r"byte 0xe9 in line 2, column 1"),
        ("ab\n".encode("utf-16-le"), r"zero byte in line 1, column 2; .* UTF-16 without a byte"),
        (b"\xff\xfea", r"begins like UTF-16 text, but byte 2 is none"),
    ],
)
def test_what_is_no_text(tmp_path, content, message):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        read_text(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(MissingDataError, match=r"^No file at .*gone; check the path\.$"):
        read_text(tmp_path / "gone")
    with pytest.raises(MissingDataError, match=r"^Where is .*[/]\?$"):
        read_text(tmp_path / ("x" * 5000), "Where is {path}/?")
    with pytest.raises(MissingDataError, match=r"is a folder; name a file of text\.$"):
        read_text(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MissingDataError, match=r"pipe is no regular file; name a file of text\.$"):
        read_text(tmp_path / "pipe")  # Without waiting for who writes into it.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b" 2}', r"Expecting ':' delimiter in line 2, column 6\.$"),
        ('[{"a": 1},', r"in line 1, column 11; it may be a download that was cut off\."),
        ('["abc', r"in line 1, column 2; it may be a download that was cut off\."),
        ("[" * 100_000, rf"nested too deeply in line 1, column {MAX_DEPTH + 1}\."),
        ('{"a":\n' + "9" * 5000 + "}", r"the number in line 2, column 1 has 5000 digits"),
        ('{"file": "x", "a": 1, "a": 2}', r"an object of 'x' states `a` more than once"),
    ],
)
def test_what_is_no_json(text, message):
    with pytest.raises(AnnotationError, match=rf"t\.json.*{message}"):
        parse_json(text, "t.json")


def test_lines_are_counted_on_and_keys_that_nobody_needs_are_left_out():
    with pytest.raises(AnnotationError, match="in line 8, column 1"):
        parse_json("{\n?", "t.jsonl", first_line=7)
    assert parse_json('[{"a": 1, "b": {"c": 1}}]', "t", keys=("b",)) == [{"b": {}}]


def test_depth():
    def nested(depth):
        return json.loads("[" * depth + "]" * depth)

    assert is_shallow(nested(MAX_DEPTH))
    assert not is_shallow(nested(MAX_DEPTH + 1))
    assert is_shallow({"a": {"b": (1, "x" * 1000)}})
    assert is_shallow(None)


def test_halves_of_characters():
    assert is_whole(None)
    assert is_whole("é😀")
    assert not is_whole("é\udcff")
    assert not is_whole(json.loads('"\\ud83d"'))
