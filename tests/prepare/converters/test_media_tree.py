import os
import subprocess

import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.media_tree import (
    FileStamp,
    MediaTree,
    folder_of,
    is_below,
    join,
)


@pytest.fixture
def root(tmp_path):
    for path in (
        "b/x.mp4",
        "a (East)/x.MP4",
        "a (East)/y.wav",
        "a (East)/labels.csv",
        ".hidden/z.mp4",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"123")
    return tmp_path


def test_media_and_tables_are_listed_in_order_hidden_ones_left_out(root):
    tree = MediaTree(root)
    assert list(tree.media) == ["a (East)/x.MP4", "a (East)/y.wav", "b/x.mp4"]
    assert tree.others == ["a (East)/labels.csv"]
    stat = (root / "b/x.mp4").stat()
    assert tree.media["b/x.mp4"] == FileStamp(3, stat.st_mtime_ns)


def test_files_are_found_by_the_end_of_their_path(root):
    (root / "b/c").mkdir()
    (root / "b/c/x.mp4").write_bytes(b"")
    tree = MediaTree(root)
    assert tree.ending("x.mp4") == ["b/c/x.mp4", "b/x.mp4"]
    assert tree.ending("x.mp4", below="b/c") == ["b/c/x.mp4"]
    assert tree.ending("c/x.mp4") == ["b/c/x.mp4"]
    assert tree.ending("b/x.mp4") == ["b/x.mp4"]
    assert tree.ending("none.mp4") == []
    assert tree.tables("labels.csv") == ["a (East)/labels.csv"]


def test_linked_files_and_folders_are_followed_and_circles_end(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mp4").write_bytes(b"1")
    os.symlink(elsewhere, root / "linked")
    os.symlink(elsewhere / "far.mp4", root / "one.mp4")
    os.symlink(root, elsewhere / "back")
    os.symlink(root / "gone.mp4", root / "dangling.mp4")
    tree = MediaTree(root)
    assert set(tree.media) == {
        "a (East)/x.MP4", "a (East)/y.wav", "b/x.mp4", "linked/far.mp4", "one.mp4",
    }  # fmt: skip
    assert set(tree.problems) == {"dangling.mp4", "linked/back"}


def test_no_folder(tmp_path):
    with pytest.raises(MissingDataError, match=r"No data folder at .*gone; check the path"):
        MediaTree(tmp_path / "gone")


def test_relative_paths():
    assert join("a/b", "./c.mp4") == "a/b/c.mp4"
    assert join("", "c/d.mp4") == "c/d.mp4"
    assert join("a/b", "../c.mp4") == "a/c.mp4"
    assert join("a", "/c//d.mp4") == "a/c/d.mp4"
    assert join("a", "../../c.mp4") == "../c.mp4"
    assert join("", "./") == ""
    assert folder_of("a/b/c.mp4") == "a/b"
    assert folder_of("c.mp4") == ""
    assert is_below("a/b.mp4", "a")
    assert is_below("a/b.mp4", "")
    assert not is_below("ab/c.mp4", "a")


def test_a_name_that_is_not_utf_8_is_named(root):
    (root / "b" / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"123")
    with pytest.raises(AnnotationError, match=r"bad\\xff\.mp4' is not UTF-8, so no annotation can"):
        MediaTree(root)


def test_folders_may_be_deep(tmp_path):
    deep = "d/" * 1100
    # Python's own ways to make and to delete such a tree are recursive.
    subprocess.run(["mkdir", "-p", f"{tmp_path}/{deep}"], check=True)
    subprocess.run(["touch", f"{tmp_path}/{deep}x.mp4"], check=True)
    try:
        assert [path.count("/") for path in MediaTree(tmp_path).media] == [1100]
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)
