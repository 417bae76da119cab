"""Changes to the package that tests must notice: ``tests/mutations.toml``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evidence import load_mutations

ROOT = Path(__file__).parents[1]
MUTATIONS = load_mutations()


def name_of(mutation):
    return f"{mutation['of']}: {mutation['after']}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_what_is_changed_stands_in_the_file_once(mutation):
    assert (ROOT / mutation["file"]).read_text().count(mutation["before"]) == 1
    file, _, function = mutation["test"].partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()


@pytest.fixture(scope="module")
def copy_of_the_project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated") / "project"
    ignored = shutil.ignore_patterns(
        "work_dirs", "data", ".*", "__pycache__", "build", "*.egg-info"
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@pytest.mark.slow  # a process for each
@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_the_change_is_noticed(mutation, copy_of_the_project):
    path = copy_of_the_project / mutation["file"]
    source = path.read_text()
    path.write_text(source.replace(mutation["before"], mutation["after"]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", mutation["test"]],
            cwd=copy_of_the_project,
            env={**os.environ, "PYTHONPATH": str(copy_of_the_project), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        path.write_text(source)
    # 1: tests ran and some failed; anything else is no failed test.
    assert done.returncode == 1, done.stdout[-2000:]
