import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.utils.files import (
    FileStamp,
    check_writable,
    folder_lock,
    remove_unfinished,
    replacing,
    write_atomically,
    write_json,
)

needs_no_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_locks_of_the_file_system_a_warning_is_all(tmp_path, monkeypatch, capsys, number):
    def refuse(descriptor, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with folder_lock(tmp_path, "held"):
        pass
    said = capsys.readouterr().err
    assert said.startswith(f"warning: The file system of {tmp_path}/.lock has no locks (")
    assert said.count("\n") == 1
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"), folder_lock(tmp_path, "held"):
        pass


@pytest.mark.parametrize("content", [b"a\xff", "a\u00e9\n"])
def test_content_stands_in_the_file_alone(tmp_path, content):
    path = tmp_path / "new" / "folder" / "file.txt"
    for _ in range(2):
        write_atomically(content, path)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert names(path.parent) == ["file.txt"]


def test_json_is_readable_and_strict(tmp_path):
    write_json({"a": ["ü", 1]}, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n "a": [\n  "ü",\n  1\n ]\n}\n'
    with pytest.raises(ValueError, match="nan"):
        write_json(float("nan"), tmp_path / "x.json")
    assert names(tmp_path) == ["x.json"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text("old")
    with replacing(path) as unfinished:
        assert unfinished.parent == tmp_path
        assert unfinished.suffix == ".mp4"
        assert unfinished.name.startswith(".")
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_two_writers_never_share_an_unfinished_file(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as one, replacing(path) as two:
        assert one != two
        one.write_text("one")
        two.write_text("two")
    assert path.read_text() == "one"


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.write_text(f"{1 / 0}")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_planted_link_is_never_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda count: "guessed")
    victim = tmp_path / "victim"
    victim.write_text("old")
    (tmp_path / ".file.guessed.part").symlink_to(victim)
    with pytest.raises(UnwritableFileError, match=r"file cannot be written .file exists"):
        write_atomically(b"new", tmp_path / "file")
    assert victim.read_text() == "old"


def test_a_link_is_replaced_and_its_target_stays(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically("new", tmp_path / "link")
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically("new", tmp_path / "new")
        (tmp_path / "open").touch()
        (tmp_path / "open").chmod(0o666)
        write_atomically("new", tmp_path / "open")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "open")]
    assert modes == [0o640, 0o666]


def test_devices_and_pipes_are_written_themselves(tmp_path):
    before = os.stat("/dev/null")
    write_atomically("gone", "/dev/null")
    assert os.stat("/dev/null") == before or stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically("through", pipe)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("is_file", [True, False])
def test_the_output_of_a_process_is_written_itself(tmp_path, name, is_file):
    script = (
        "import sys\nfrom macbdf_mm.utils.files import write_atomically\n"
        "write_atomically('text', sys.argv[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = (tmp_path / "out").open("wb") if is_file else subprocess.PIPE
    ended = subprocess.run(
        [sys.executable, "-c", script, name], env=environment, check=True, stdout=out
    )
    assert ((tmp_path / "out").read_bytes() if is_file else ended.stdout) == b"text"


def test_a_folder_of_this_name_is_one_sentence(tmp_path):
    with pytest.raises(UnwritableFileError, match=r"cannot be written .is a directory.: choose"):
        write_atomically("new", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableFileError, match="a part of the path is a file"):
        write_atomically("new", tmp_path / "file" / "below")
    with pytest.raises(UnwritableFileError, match="a part of the path is a file"):
        write_atomically("new", tmp_path / "file" / "far" / "below")


@pytest.mark.parametrize("name", ["a" * 250 + ".json", "\u00e9" * 125 + ".json", "a." + "b" * 253])
def test_names_can_be_as_long_as_the_system_allows(tmp_path, name):
    assert len(name.encode()) == 255
    write_atomically("new", tmp_path / name)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", [".", "/", ".."])
def test_folders_without_a_name_are_one_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnwritableFileError, match="is a directory"):
        write_atomically("new", name)


@needs_no_root
def test_no_permission_is_one_sentence(tmp_path):
    (tmp_path / "protected").touch(0o444)
    with pytest.raises(UnwritableFileError, match=r"protected cannot be written .permission"):
        write_atomically("new", tmp_path / "protected")
    (tmp_path / "folder").mkdir(0o555)
    with pytest.raises(UnwritableFileError, match=r"x cannot be written .permission denied"):
        write_atomically("new", tmp_path / "folder" / "x")


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UnwritableFileError, match=r"file cannot be written .no space.*: free some"):
        write_atomically("new", path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_errors_of_other_files_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        (tmp_path / "not there").read_text()


def test_the_content_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    replace = os.replace
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    write_atomically("new", tmp_path / "file")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_killed_in_the_middle_leaves_the_old_file_and_what_can_be_removed(tmp_path, step):
    path = tmp_path / "file.json"
    write_atomically(b"old", path)
    script = (
        "import os, signal, sys\nfrom macbdf_mm.utils.files import write_atomically\n"
        f"os.{step} = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(b'new', sys.argv[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (tmp_path / "other.part").touch()
    [left] = remove_unfinished(tmp_path)
    assert left.name.startswith(".file.")
    assert names(tmp_path) == ["file.json", "other.part"]


def test_a_folder_is_held_once_and_by_heirs(tmp_path):
    folder = tmp_path / "new"
    with folder_lock(folder, "It is taken.") as descriptor:
        with pytest.raises(ConfigError, match="It is taken"), folder_lock(folder, "It is taken."):
            pass
        heir = subprocess.Popen(["sleep", "30"], pass_fds=[descriptor])
    with pytest.raises(ConfigError, match="It is taken"), folder_lock(folder, "It is taken."):
        pass
    heir.kill()
    heir.wait()
    with folder_lock(folder, "It is taken."):
        pass


def test_a_stamp_is_size_and_time_of_change(tmp_path):
    path = tmp_path / "file"
    path.write_text("abc")
    os.utime(path, ns=(5, 7))
    assert FileStamp.of(path) == FileStamp(3, 7)
    assert FileStamp.of(path).as_json() == [3, 7]
    assert FileStamp.of(tmp_path / "not there") is None
    assert FileStamp.of("a\0b") is None


def test_only_what_writers_leave_is_removed(tmp_path):
    for name in (".mine.part", "download.part", ".a.12345678.part.json", ".b.deadbeef.part"):
        (tmp_path / name).touch()
    assert [path.name for path in remove_unfinished(tmp_path)] == [
        ".a.12345678.part.json",
        ".b.deadbeef.part",
    ]
    assert names(tmp_path) == [".mine.part", "download.part"]


def test_a_lock_follows_no_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".lock").symlink_to(target)
    lock = folder_lock(tmp_path / "folder", "It is taken.")
    with pytest.raises(UnwritableFileError, match=r"\.lock cannot be written"), lock:
        pass
    assert target.read_text() == "kept"


def test_what_cannot_be_written_is_known_before(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnwritableFileError, match="choose the name of a file"):
        check_writable(tmp_path / "folder")
    check_writable(tmp_path / "new" / "out.json")
    check_writable("/dev/null")
    assert names(tmp_path / "new") == []
