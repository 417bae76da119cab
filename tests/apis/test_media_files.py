import os
from pathlib import Path

import pytest

from macbdf_mm.apis.media_files import check_is_file, expand_folders
from macbdf_mm.errors import MissingDataError
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.utils.jobs import is_passing


def test_a_folder_stands_for_the_media_files_below_it(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    wanted = [tmp_path / name for name in ("a.MP4", "b.webm", "deep/er/c.mov", "d.m4a")]
    others = [tmp_path / name for name in ("notes.txt", ".hidden.mp4", ".cache/x.mp4", "mp4")]
    for path in [*wanted, *others]:
        path.touch()
    assert expand_folders([tmp_path]) == sorted(wanted)


def test_files_stand_for_themselves_in_the_order_given(tmp_path):
    paths = [tmp_path / "z.xyz", tmp_path / "a.mp4"]
    assert expand_folders(map(str, paths)) == paths


def test_what_may_hide_files_is_named_in_its_turn(tmp_path):
    for path in ("part1/a.mp4", "z.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    for name, target in (("part2", "/gone"), ("b.mp4", "/gone/b.mp4"), ("part3", "part1")):
        os.symlink(target, tmp_path / name)
    os.mkfifo(tmp_path / "pipe.mp4")
    os.mkfifo(tmp_path / "pipe")
    assert [path.relative_to(tmp_path).as_posix() for path in expand_folders([tmp_path])] == [
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
        files = expand_folders(["."])
        assert files == [Path("a.mp4"), Path("locked")]
        expected = r"Folder 'locked' cannot be read \(permission denied\), so nothing in it was"
        with pytest.raises(MissingDataError, match=expected) as info:
            check_is_file(files[1])
    finally:
        os.seteuid(before)
        os.chmod("locked", 0o755)
    assert is_passing(info.value)


def test_a_folder_without_media_is_named_in_its_turn(tmp_path):
    assert expand_folders([tmp_path]) == [tmp_path]
    with pytest.raises(MissingDataError, match=r"holds no video or sound file .*\.mp4"):
        check_is_file(tmp_path)


def test_what_leads_to_no_file_is_named_in_its_turn(tmp_path):
    (tmp_path / "gone.mp4").symlink_to("/nowhere/gone.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "there.mp4").touch()
    found = expand_folders([tmp_path])
    assert [path.name for path in found] == ["gone.mp4", "pipe.mp4", "there.mp4"]


def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.mp4").touch()
    (tmp_path / "a/link").symlink_to("../elsewhere")
    (tmp_path / "a/loop").symlink_to("..")
    assert {path.name for path in expand_folders([tmp_path / "a"])} == {"x.mp4"}
    assert len(expand_folders([tmp_path / "a"])) == 1


def test_a_name_that_is_too_long_stands_for_itself():
    name = Path("a" * 300)
    assert expand_folders([name]) == [name]
    check_is_file(name)
    with pytest.raises(MissingDataError, match="aaa cannot be opened: File name too long"):
        MediaFile(name)
