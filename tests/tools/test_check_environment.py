import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "check_environment.py"


@pytest.fixture(scope="module")
def remedy():
    return runpy.run_path(str(SCRIPT))["remedy"]


def test_a_missing_system_library_is_named_with_its_package(remedy):
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert remedy("cv2", error) == "cv2 needs libGL.so.1: apt-get install libgl1"


def test_an_unknown_library_is_still_named(remedy):
    error = ImportError("libnccl.so.2: cannot open shared object file")
    assert "torch needs libnccl.so.2" in remedy("torch", error)


def test_missing_mmcv_is_answered_with_the_extra(remedy):
    assert "macbdf_mm[lite]" in remedy("mmcv", ImportError("No module named 'mmcv'"))


def test_the_script_fails_and_names_each_missing_module():
    # -S hides the installed packages: every module but the built-in ones is missing.
    result = subprocess.run(
        [sys.executable, "-S", str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    for module in ("torch", "mmengine", "av"):
        assert f"check_environment: {module} does not import" in result.stderr
