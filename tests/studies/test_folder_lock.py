import subprocess
import sys

import pytest

from macbdf_mm.errors import ConfigError
from studies.folder_lock import folder_lock


def test_a_folder_is_held_once_at_a_time(tmp_path):
    with folder_lock(tmp_path / "new"):
        with (
            pytest.raises(ConfigError, match=r"Another study is running in .*new: wait for it"),
            folder_lock(tmp_path / "new"),
        ):
            pass
        with folder_lock(tmp_path / "another"):
            pass
    with folder_lock(tmp_path / "new"):
        pass


def test_a_child_that_outlives_its_parent_holds_it_too(tmp_path):
    command = [sys.executable, "-c", "input()"]
    with folder_lock(tmp_path) as descriptor:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(descriptor,))
    try:
        with (
            pytest.raises(ConfigError, match="its last runs may still be alive"),
            folder_lock(tmp_path),
        ):
            pass
    finally:
        child.communicate(b"\n")
    with folder_lock(tmp_path):
        pass
