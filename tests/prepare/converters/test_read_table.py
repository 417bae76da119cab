import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.read_table import read_csv, read_json, read_json_lines


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
    with pytest.raises(AnnotationError, match="is not UTF-8 text"):
        read_json(path, list)
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.json"):
        read_json(tmp_path / "gone.json", dict)


def test_json_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert list(read_json_lines(path)) == [(1, {"a": 1}), (3, {"a": 2})]
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(AnnotationError, match=r"rows\.jsonl: line 2 is not valid JSON"):
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
    with pytest.raises(AnnotationError, match="has no column 'file'"):
        list(read_csv(path, needed=("file",)))
