import os
import socket
import subprocess

import pytest

from macbdf_mm.utils.folder_walk import walk_folder


@pytest.fixture
def without_rights():
    """Give up the rights of root, before which no folder is locked, for a test."""
    before = os.geteuid()
    if not before:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is the current one, so that no right to reach it is needed."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems_of(root):
    return {found.path: found.problem for found in walk_folder(root) if found.problem}


def test_files_come_in_the_order_of_names_with_their_stamps(folder):
    for path in ("b/y.mp4", "b/x.mp4", "b.mp4", "a/deep/er/1.wav", ".hidden/z.mp4", "a/.part.mp4"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"123")
    found = list(walk_folder(folder))
    assert [one.path for one in found] == ["a/deep/er/1.wav", "b/x.mp4", "b/y.mp4", "b.mp4"]
    assert all(one.stamp.size_bytes == 3 and one.problem is None for one in found)


def test_linked_files_and_folders_are_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mp4").write_bytes(b"12345")
    os.symlink(elsewhere, "linked")
    os.symlink(elsewhere / "far.mp4", "one.mp4")
    assert [(one.path, one.stamp.size_bytes) for one in walk_folder(".")] == [
        ("linked/far.mp4", 5),
        ("one.mp4", 5),
    ]


def test_a_link_that_leads_nowhere_is_told(folder):
    os.symlink("/nowhere/gone.mp4", "a.mp4")
    os.symlink("../disk3/part3", "part3")
    os.symlink("circle", "circle")
    (folder / "x").mkdir()
    os.symlink("../y", "x/y")
    os.symlink("x/y", "y")
    found = {one.path: one for one in walk_folder(".")}
    assert found["a.mp4"].problem == "is a link to '/nowhere/gone.mp4', where there is nothing"
    assert found["part3"].problem == "is a link to '../disk3/part3', where there is nothing"
    for name in ("circle", "x/y", "y"):
        assert "too many levels of symbolic links" in found[name].problem
    assert all(one.is_lost and one.stamp is None for one in found.values())


def test_a_folder_is_looked_into_once_and_that_is_told(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.mp4").touch()
    os.symlink(folder, elsewhere / "back")
    os.symlink(elsewhere, "fake")
    os.symlink(elsewhere, "real")
    found = {one.path: one for one in walk_folder(".")}
    assert set(found) == {"fake/far.mp4", "fake/back", "real"}
    assert found["real"].problem == "is the folder 'fake' once more, which was looked into there"
    assert found["fake/back"].problem.startswith("is the folder '.' once more")
    assert found["real"].is_repeated
    assert not found["real"].is_lost


def test_pipes_and_sockets_are_no_files(folder):
    os.mkfifo("p.mp4")
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind("s.mp4")
    os.symlink("/dev/null", "d.mp4")
    assert problems_of(".") == {
        "p.mp4": "is a pipe, no file",
        "s.mp4": "is a socket, no file",
        "d.mp4": "is a device, no file",
    }
    assert not any(one.is_lost for one in walk_folder("."))


@pytest.mark.parametrize(
    ("mode", "lost"), [(0o000, ["locked"]), (0o311, ["locked"]), (0o644, ["locked/in.mp4"])]
)
def test_a_locked_folder_is_told(folder, without_rights, mode, lost):
    os.seteuid(os.getuid())
    (folder / "locked").mkdir()
    (folder / "locked/in.mp4").touch()
    (folder / "z.mp4").touch()
    os.chmod("locked", mode)
    if not os.getuid():
        os.seteuid(65534)
    found = list(walk_folder("."))
    os.seteuid(os.getuid())
    os.chmod("locked", 0o755)
    assert [one.path for one in found if one.is_lost] == lost
    assert "permission denied" in found[0].problem
    assert found[-1].path == "z.mp4"


def test_deep_folders_are_no_recursion(folder):
    # Python's own ways to make and to delete such a tree are recursive.
    deep = "d/" * 1100
    subprocess.run(["mkdir", "-p", deep], check=True)
    (folder / "z.mp4").touch()
    try:
        found = list(walk_folder(folder))
    finally:
        subprocess.run(["rm", "-r", "d"], check=True)
    assert found[-1].path == "z.mp4"
