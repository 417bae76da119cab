import json
import re
from pathlib import Path

import pytest

from macbdf_mm.datasets import annotation
from macbdf_mm.datasets.annotation import ClipRow, load_annotation, save_annotation
from macbdf_mm.errors import AnnotationError, MissingDataError

HEAD = {"dataset": "d", "version": 1}
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    def write(rows, metainfo=HEAD):
        path = tmp_path / "annotation.json"
        path.write_text(json.dumps({"metainfo": metainfo, "data_list": rows}))
        return path

    return write


def documented_example():
    text = (REPOSITORY / "docs/annotation.md").read_text()
    return json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))


def test_documented_example_loads(write):
    example = documented_example()
    loaded = load_annotation(write(example["data_list"], example["metainfo"]))
    first, second = loaded.rows
    assert loaded.metainfo == {"dataset": "my clips", "version": 1}
    assert first.video_fake_intervals == ((0.48, 1.2),)
    assert first.category == "FVRA"
    assert first.duration_seconds == 3.2
    assert (second.label, second.category, second.identity) == (0, "RVRA", None)


def load_schema():
    return json.loads(Path(annotation.__file__).with_name("annotation.schema.json").read_text())


_TYPES = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
    "null": type(None), "boolean": bool,
}  # fmt: skip


def fits(value, schema, root):
    """Return whether a value fits a schema made of the keywords that ours uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    items = value if isinstance(value, list) else []
    fields = value if isinstance(value, dict) else {}
    known = schema.get("properties", {})
    number = value if isinstance(value, int | float) else None
    return (
        (not types or isinstance(value, tuple(_TYPES[name] for name in types)))
        and value in schema.get("enum", [value])
        and value == schema.get("const", value)
        and set(schema.get("required", ())) <= set(fields or schema.get("required", ()))
        and (schema.get("additionalProperties", True) or set(fields) <= set(known))
        and all(fits(fields[name], known[name], root) for name in fields if name in known)
        and all(fits(item, schema.get("items", {}), root) for item in items)
        and schema.get("minItems", 0) <= len(items) <= schema.get("maxItems", len(items))
        and (number is None or number >= schema.get("minimum", number))
        and (number is None or number <= schema.get("maximum", number))
        and (number is None or number > schema.get("exclusiveMinimum", number - 1))
        and (not isinstance(value, str) or len(value) >= schema.get("minLength", 0))
    )


def test_documented_example_fits_the_schema():
    assert fits(documented_example(), load_schema(), load_schema())


def documented_face():
    text = (REPOSITORY / "docs/annotation.md").read_text().split("## Faces")[1]
    return json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))


def test_documented_face_loads_and_fits_the_schema(write):
    row = {"file": "a.mp4", "faces": [documented_face()]}
    loaded = load_annotation(write([row])).rows[0]
    assert loaded.faces[0]["chosen"] is True
    assert fits({"metainfo": HEAD, "data_list": [row]}, load_schema(), load_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"faces": [{"boxes": [[0, 0, 1, 1]]}]},
        {"faces": [{"times_seconds": [0], "boxes": [[0, 0, 320, 240]]}]},
        {"label": 2}, {"fps": 25}, {"file": ""}, {"video_fake_intervals": [[0.1]]},
        {"identity": 3}, {"duration_seconds": 0}, {"extra": []},
    ],
)  # fmt: skip
def test_what_the_loader_refuses_does_not_fit_the_schema(write, change):
    row = {"file": "a.mp4", "video_label": 1, **change}
    with pytest.raises(AnnotationError):
        load_annotation(write([row]))
    assert not fits({"metainfo": HEAD, "data_list": [row]}, load_schema(), load_schema())


def test_schema_names_the_fields_of_a_row():
    assert list(load_schema()["$defs"]["row"]["properties"]) == list(ClipRow.__dataclass_fields__)


@pytest.mark.parametrize(
    ("video_label", "audio_label", "expected"),
    [(1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 0), (0, -1, -1), (-1, -1, -1), (1, -1, 1)],
)
def test_absent_label_follows_from_the_tracks(write, video_label, audio_label, expected):
    row = {"file": "a.mp4", "video_label": video_label, "audio_label": audio_label}
    assert load_annotation(write([row])).rows[0].label == expected


def test_the_clip_alone_can_be_labelled(write):
    row = load_annotation(write([{"file": "a.mp4", "label": 1}])).rows[0]
    assert (row.label, row.video_label, row.audio_label, row.category) == (1, -1, -1, None)


def test_saving_and_loading_gives_the_same_rows_and_bytes(tmp_path):
    rows = [
        ClipRow("ä b.mp4", 1, 1, 0, ((0.1, 0.3), (0.3, 1.0)), split="train", extra={"n": 1}),
        ClipRow("c.mp4", 0, 0, 0, duration_seconds=2.5, faces=(documented_face(),)),
        ClipRow("d.mp4", 0, 0, 0, faces=()),
    ]
    first, second = tmp_path / "x/1.json", tmp_path / "x/2.json"
    save_annotation(first, {"dataset": "d"}, rows)
    loaded = load_annotation(first)
    save_annotation(second, loaded.metainfo, loaded.rows)
    assert loaded.rows == rows
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in first.parent.iterdir()) == ["1.json", "2.json"]


def test_saving_checks_too(tmp_path):
    with pytest.raises(AnnotationError, match=r"row 1 .*`label`: 0 contradicts"):
        save_annotation(tmp_path / "x.json", {"dataset": "d"}, [ClipRow("a.mp4", 0, 1, 0)])
    assert not (tmp_path / "x.json").exists()


def test_missing_file():
    with pytest.raises(MissingDataError, match=r"No annotation file at nowhere\.json"):
        load_annotation("nowhere.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"metainfo": {,', r"not valid JSON: .* in line 1, column 15"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", r"keys `metainfo` and `data_list`, got list"),
        (b'{"data_list": []}', r"keys `metainfo` and `data_list`, got \['data_list'\]"),
        (b'{"metainfo": {"dataset": "d", "version": 1}, "data_list": {}}', "list of rows"),
        (b'{"metainfo": {"version": 1}, "data_list": []}', "names its `dataset`"),
        (b'{"metainfo": {"dataset": "d", "version": 2}, "data_list": []}', "version` 1, got 2"),
    ],
)
def test_broken_files_are_named(tmp_path, content, message):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=message) as caught:
        load_annotation(path)
    assert "broken.json" in str(caught.value)


def test_repeated_file(write):
    rows = [{"file": "a.mp4"}, {"file": "b.mp4"}, {"file": "a.mp4"}]
    with pytest.raises(AnnotationError, match=r"row 3 .*`file`: 'a.mp4' already stands in row 1"):
        load_annotation(write(rows))
