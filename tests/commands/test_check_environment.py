import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.commands import check_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "check_environment.py"


@pytest.fixture
def check():
    return check_environment


@pytest.fixture
def with_versions(check, monkeypatch):
    """A function that lets packages be installed in the given versions."""
    return lambda versions: monkeypatch.setattr(check, "_version", versions.get)


def test_a_missing_system_library_is_named_with_its_package(check):
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert check.remedy("cv2", error) == "cv2 needs libGL.so.1: apt-get install libgl1"


def test_an_unknown_library_is_still_named(check):
    error = ImportError("libnccl.so.2: cannot open shared object file")
    assert "torch needs libnccl.so.2" in check.remedy("torch", error)


def test_missing_mmcv_is_answered_with_the_extra(check):
    assert "macbdf_mm[lite]" in check.remedy("mmcv", ImportError("No module named 'mmcv'"))


def test_a_torchaudio_for_another_torch_is_answered_with_the_pair(check, with_versions):
    error = OSError("Could not load this library: /x/torchaudio/lib/libtorchaudio.so")
    with_versions({"torch": "2.11.0"})
    assert check.remedy("torchaudio", error).endswith(
        "a library for another torch: pip install torch==2.11.0 torchaudio==2.11.0"
    )


def test_the_broken_wheel_of_mmaction2_is_named(check):
    error = ModuleNotFoundError("No module named 'mmaction.models.localizers.drn'")
    sentence = check.remedy("mmaction.models", error)
    assert "wheel of mmaction2 1.2.0" in sentence
    assert sentence.endswith("pip install mmaction2==1.1.0")


@pytest.mark.parametrize(
    "error", [AssertionError("MMCV==2.1.0 is used"), RuntimeError(), OSError()]
)
def test_whatever_an_import_raises_becomes_a_sentence(check, monkeypatch, error):
    def fail(module):
        if module == "mmaction":
            raise error

    monkeypatch.setattr(check.importlib, "import_module", fail)
    (sentence,) = check.import_problems()
    assert sentence.startswith("mmaction does not import (")
    assert (str(error) or type(error).__name__) in sentence


def test_a_missing_package_is_named_once_and_not_for_all_that_need_it(check, monkeypatch):
    def fail(module):
        if module == "av" or module.startswith("macbdf_mm.media"):
            raise ModuleNotFoundError("No module named 'av'", name="av")

    monkeypatch.setattr(check.importlib, "import_module", fail)
    assert [sentence.split()[0] for sentence in check.import_problems()] == ["av"]


def test_parts_are_imported_and_not_the_packages_alone(check):
    assert {"mmaction.models", "macbdf_mm.models", "macbdf_mm.media.probe"} <= set(check.MODULES)


@pytest.mark.parametrize(
    ("torch", "torchaudio", "remedy"),
    [
        ("2.11.0", "2.11.0", None),
        ("2.11.0+cu130", "2.11.0+cpu", None),
        ("2.6.0", "2.6.0", None),
        (None, "2.11.0", None),
        ("2.8.0", "2.11.0", "pip install 'torchaudio==2.8.*'"),
        ("2.14.1", "2.11.1", "pip install torch==2.11.0 torchaudio==2.11.0"),
    ],
)
def test_torch_and_torchaudio_belong_together(check, torch, torchaudio, remedy):
    problem = check.pair_problem(torch, torchaudio)
    if remedy is None:
        assert problem is None
    else:
        assert problem == f"torch {torch} and torchaudio {torchaudio} do not match: {remedy}"


def test_installed_versions_are_compared_with_what_is_asked_for(check, with_versions):
    with_versions({"av": "17.0.1", "mmcv-lite": "2.1.0", "torchjd": "0.1", "numpy": "2.4.6"})
    assert check.version_problems(
        ["av>=17.1", 'mmcv-lite<2.1; extra == "lite"', 'torchjd>=1; extra == "peers"',
         "numpy>=1.26", "decord>=0.6"]
    ) == [
        "av 17.0.1 is installed, but macbdf_mm needs av>=17.1: pip install 'av>=17.1'",
        "mmcv-lite 2.1.0 is installed, but macbdf_mm needs mmcv-lite<2.1: "
        "pip install 'mmcv-lite<2.1'",
    ]  # fmt: skip


def test_mmaction2_from_source_is_judged_by_its_import(check, with_versions):
    wanted = ["mmaction2>=1.1,!=1.2.0,<1.3"]
    with_versions({"mmaction2": "1.2.0"})
    assert check.version_problems(wanted) == []
    with_versions({"mmaction2": "1.0.0"})
    assert len(check.version_problems(wanted)) == 1


def test_two_packages_in_one_folder(check):
    assert check.folder_problem({"mmcv-lite"}) is None
    assert "overwrite each other" in check.folder_problem({"mmcv", "mmcv-lite"})


def test_a_missing_pkg_resources_is_a_note(check, monkeypatch):
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    (note,) = check.notes()
    assert note.endswith("pip install 'setuptools<82'")
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: object())
    assert check.notes() == []


def test_this_environment_passes():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "modules import, in versions that go together" in result.stdout


def test_the_script_fails_and_names_each_missing_module():
    # -S hides the installed packages: every module but the built-in ones is missing.
    result = subprocess.run(
        [sys.executable, "-S", str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    for module in ("torch", "mmengine", "av"):
        assert f"check_environment: {module} does not import" in result.stderr
