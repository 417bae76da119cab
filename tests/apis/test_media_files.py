import io
import os
from pathlib import Path

import pytest

from macbdf_mm.apis.media_files import (
    check_is_file,
    check_is_there,
    expand_paths,
    listed_paths,
)
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ArgumentError, MissingDataError
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.utils.jobs import is_passing


def expand(paths):
    return [Path(path) for path in expand_paths(paths)]


def test_a_folder_stands_for_the_media_files_below_it(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    wanted = [tmp_path / name for name in ("a.MP4", "b.webm", "deep/er/c.mov", "d.m4a")]
    others = [tmp_path / name for name in ("notes.txt", ".hidden.mp4", ".cache/x.mp4", "mp4")]
    for path in [*wanted, *others]:
        path.touch()
    assert expand([tmp_path]) == sorted(wanted)


def test_files_stand_for_themselves_in_the_order_given(tmp_path):
    paths = [tmp_path / "z.xyz", tmp_path / "a.mp4"]
    assert expand(map(str, paths)) == paths


def test_what_may_hide_files_is_named_in_its_turn(tmp_path):
    for path in ("part1/a.mp4", "z.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    for name, target in (("part2", "/gone"), ("b.mp4", "/gone/b.mp4"), ("part3", "part1")):
        os.symlink(target, tmp_path / name)
    os.mkfifo(tmp_path / "pipe.mp4")
    os.mkfifo(tmp_path / "pipe")
    assert [path.relative_to(tmp_path).as_posix() for path in expand([tmp_path])] == [
        "b.mp4", "part1/a.mp4", "part2", "pipe.mp4", "z.mp4",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_read_is_refused_for_that(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked/a.mp4").touch()
    (tmp_path / "a.mp4").touch()
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.chmod("locked", 0)
    before = os.geteuid()
    try:
        if not before:  # For root no folder is locked.
            os.seteuid(65534)
        files = expand(["."])
        assert files == [Path("a.mp4"), Path("locked")]
        expected = r"Folder 'locked' cannot be read \(permission denied\), so nothing in it was"
        with pytest.raises(MissingDataError, match=expected) as info:
            check_is_file(files[1])
    finally:
        os.seteuid(before)
        os.chmod("locked", 0o755)
    assert is_passing(info.value)


def test_a_folder_without_media_is_named_in_its_turn(tmp_path):
    assert expand([tmp_path]) == [tmp_path]
    with pytest.raises(MissingDataError, match=r"holds no video or sound file .*\.mp4"):
        check_is_file(tmp_path)


def test_what_leads_to_no_file_is_named_in_its_turn(tmp_path):
    (tmp_path / "gone.mp4").symlink_to("/nowhere/gone.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "there.mp4").touch()
    found = expand([tmp_path])
    assert [path.name for path in found] == ["gone.mp4", "pipe.mp4", "there.mp4"]


def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.mp4").touch()
    (tmp_path / "a/link").symlink_to("../elsewhere")
    (tmp_path / "a/loop").symlink_to("..")
    assert {path.name for path in expand([tmp_path / "a"])} == {"x.mp4"}
    assert len(expand([tmp_path / "a"])) == 1


def test_a_name_that_is_too_long_stands_for_itself():
    name = Path("a" * 300)
    assert expand([name]) == [name]
    check_is_file(name)
    with pytest.raises(MissingDataError, match="aaa cannot be opened: File name too long"):
        MediaFile(name)


def test_patterns_that_no_shell_has_expanded(tmp_path, monkeypatch):
    for name in ("b.mp4", "a.mp4", "deep/er/c.mov", "notes.txt", "[1].mp4", "1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    for pattern in ("[ab].mp4", "./[ab].mp4"):
        assert list(expand_paths([pattern])) == ["a.mp4", "b.mp4"]
    assert list(expand_paths(["**/*.mov", "d*"])) == ["deep/er/c.mov"] * 2
    # A file whose name looks like a pattern is itself.
    assert list(expand_paths(["[1].mp4"])) == ["[1].mp4"]
    assert list(expand_paths(["*.avi"])) == ["*.avi"]
    with pytest.raises(MissingDataError, match=r"No file fits the pattern '\*\.avi'"):
        check_is_file(Path("*.avi"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.mp4", "No file at 'none.mp4'"), ("*.avi", r"No file fits the pattern '\*\.avi'")],
)
def test_what_is_not_there_is_named(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").symlink_to("/nowhere")
    for there in ("a.mp4", "*.mp4", "."):
        check_is_there(there)
    with pytest.raises(MissingDataError, match=message):
        check_is_there(name)


def test_names_are_not_collected(tmp_path):
    """The first comes before the second is asked for."""

    def paths():
        yield "a.mp4"
        raise AssertionError

    assert next(expand_paths(paths())) == "a.mp4"


def test_lists_name_a_path_on_each_line(tmp_path, monkeypatch):
    (tmp_path / "list").write_bytes(b"a b.mp4\n\n/c\xff.mp4\r\n*.mov")
    found = list(listed_paths([str(tmp_path / "list")]))
    assert found == ["a b.mp4", "/c\udcff.mp4", "*.mov"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x.mp4\n")))
    assert list(listed_paths(["-"])) == ["x.mp4"]


def test_a_list_of_another_encoding_is_refused_but_for_a_mark(tmp_path):
    path = tmp_path / "list"
    path.write_text("a.mp4\n", encoding="utf-8-sig")
    assert list(listed_paths([str(path)])) == ["a.mp4"]
    path.write_text("a.mp4\n", encoding="utf-16")
    with pytest.raises(MissingDataError, match=r"list' .*line 1 holds a zero byte; save it as"):
        list(listed_paths([str(path)]))


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert expand(["."]) == [Path("a.mp4")]
    with pytest.raises(ArgumentError, match="got an empty one"):
        expand([""])


def test_an_annotation_names_its_clips(tmp_path):
    rows = [ClipRow("a.mp4", 0, duration_seconds=1.0), ClipRow("b/c.mp4", 1, duration_seconds=1.0)]
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, rows)
    found = list(listed_paths([str(tmp_path / "ann.json")]))
    assert found == [str(tmp_path / "a.mp4"), str(tmp_path / "b/c.mp4")]


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"List '.*none' of --files-from cannot be"):
        list(listed_paths([str(tmp_path / "none")]))
