import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

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


def fits(value):
    return Draft202012Validator(load_schema()).is_valid(value)


def test_published_schema_is_that_of_the_loader():
    Draft202012Validator.check_schema(load_schema())
    assert load_schema() == json.loads(json.dumps(annotation.json_schema()))


def test_documented_example_fits_the_schema():
    assert fits(documented_example())


def documented_face():
    text = (REPOSITORY / "docs/annotation.md").read_text().split("## Faces")[1]
    return json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))


def test_documented_face_loads_and_fits_the_schema(write):
    row = {"file": "a.mp4", "faces": [documented_face()]}
    loaded = load_annotation(write([row])).rows[0]
    assert loaded.faces[0]["chosen"] is True
    assert fits({"metainfo": HEAD, "data_list": [row]})


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
    assert not fits({"metainfo": HEAD, "data_list": [row]})


def test_schema_names_the_fields_of_a_row():
    assert list(load_schema()["$defs"]["ClipRow"]["properties"]) == list(
        ClipRow.__dataclass_fields__
    )


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


@pytest.mark.parametrize("tracks", [{}, {"audio_label": 0}, {"video_label": -1, "audio_label": -1}])
def test_both_tracks_of_a_real_clip_are_real(write, tracks):
    row = load_annotation(write([{"file": "a.mp4", "label": 0, **tracks}])).rows[0]
    assert (row.label, row.video_label, row.audio_label, row.category) == (0, 0, 0, "RVRA")


def test_a_track_that_a_real_clip_states_as_unknown_stays_so(write):
    row = {"file": "mute.mp4", "label": 0, "video_label": 0, "audio_label": -1}
    loaded = load_annotation(write([row])).rows[0]
    assert (loaded.label, loaded.video_label, loaded.audio_label) == (0, 0, -1)


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
        (b"\xff", "not UTF-8 text: byte 0xff in line 1, column 1; save it as UTF-8"),
        (b'{"metainfo": {"dataset": "\\udcff", "version": 1}, "data_list": []}', "its `dataset`"),
        (b'{"metainfo": ' + b"[" * 90 + b"]" * 90 + b', "data_list": []}', r"got \[\[.*\.\.\."),
        (
            b'{"metainfo": {"dataset": "d", "version": 1' + b"0" * 4000 + b'}, "data_list": []}',
            "version` 1, got 10000",
        ),
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


def test_a_byte_order_mark_is_no_part_of_it(write):
    path = write([{"file": "é.mp4"}])
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
        assert load_annotation(path).rows[0].file == "é.mp4"
        path = write([{"file": "é.mp4"}])


def test_halves_of_characters_in_extra_come_back(tmp_path):
    row = ClipRow("a.mp4", 0, 0, 0, extra={"said": "\ud83d", "é": 1})
    save_annotation(tmp_path / "a.json", {"dataset": "d"}, [row])
    assert load_annotation(tmp_path / "a.json").rows == [row]


def test_repeated_file(write):
    rows = [{"file": "a.mp4"}, {"file": "b.mp4"}, {"file": "a.mp4"}]
    with pytest.raises(AnnotationError, match=r"row 3 .*`file`: 'a.mp4' already stands in row 1"):
        load_annotation(write(rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"metainfo": {"dataset": "d", "version": 1}, "data_list": '
            '[{"file": "a.mp4", "label": 1, "label": 0}]}',
            r"an object of 'a\.mp4' states `label` more than once",
        ),
        ("[" * 100_000, "nested too deeply"),
        ('{"metainfo": ' + "9" * 5000 + "}", "the number in line 1, column 14 has 5000 digits"),
    ],
)
def test_json_that_python_reads_with_a_guess_or_not_at_all(tmp_path, content, message):
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=message):
        load_annotation(path)


def test_face_crops_that_are_missing_or_full_frames_name_the_command(tmp_path):
    path = tmp_path / "annotation.json"
    command = (
        rf"make them with `macbdf faces ANN\.json --data-root FOLDER "
        rf"--out {re.escape(str(tmp_path))} --crops mp4`"
    )
    with pytest.raises(MissingDataError, match=rf"^No face crops at .*annotation\.json; {command}"):
        load_annotation(path, face_crops=True)
    for faces in ({}, {"faces": {"crops": None}}):
        save_annotation(path, {"dataset": "d", **faces}, [ClipRow("a.mp4", 0)])
        with pytest.raises(MissingDataError, match=rf"lists no face crops: .*; {command}"):
            load_annotation(path, face_crops=True)
    save_annotation(
        path, {"dataset": "d", "faces": {"crops": {"size": 224}}}, [ClipRow("a.mp4", 0)]
    )
    assert len(load_annotation(path, face_crops=True).rows) == 1
