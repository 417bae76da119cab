"""What the wheel holds: the package alone, and its configs with their bases merged."""

import ast
import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[1]
LEAVES = sorted(
    path.relative_to(ROOT / "configs")
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.parts
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder holding the package as a wheel would lay it down."""
    folder = tmp_path_factory.mktemp("site")
    work = tmp_path_factory.mktemp("build")
    command = [sys.executable, "setup.py", "-q", "egg_info", f"--egg-base={work}"]
    command += ["build", f"--build-base={work}", "install_lib", f"--install-dir={folder}"]
    command += ["install_egg_info", f"--install-dir={folder}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_a_merged_config_equals_the_one_with_bases(installed, leaf):
    merged = Config.fromfile(installed / "macbdf_mm" / "configs" / leaf)
    layered = Config.fromfile(ROOT / "configs" / leaf)
    assert merged.to_dict() == layered.to_dict()


def test_the_installed_package_has_every_config(installed):
    folder = installed / "macbdf_mm" / "configs"
    found = [path.relative_to(folder) for path in folder.rglob("*.py")]
    assert sorted(path for path in found if path.parts[0] != "layered") == LEAVES


def test_names_stand_for_the_same_files_as_in_a_clone(installed):
    layered = installed / "macbdf_mm" / "configs" / "layered"
    source = ROOT / "configs"
    for path in source.rglob("*.py"):
        assert (layered / path.relative_to(source)).read_bytes() == path.read_bytes()
    code = "from macbdf_mm.apis.installed_configs import *; print(config_file('macbdf_dfdc'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(layered / "macbdf_dfdc.py")


def test_the_wheel_installs_the_command(installed):
    [info] = installed.glob("macbdf_mm-*.egg-info")
    entries = (info / "entry_points.txt").read_text()
    assert "macbdf = macbdf_mm.commands.macbdf:main" in entries


def test_the_installed_package_is_all_that_is_installed(installed):
    top = {path.name.partition("-")[0] for path in installed.iterdir()}
    assert top == {"macbdf_mm"}


def test_the_package_imports_nothing_that_stands_outside_of_it():
    outside = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"macbdf_mm"}
    assert {"benchmarks", "studies", "demo", "tools", "tests"} <= outside
    found = [
        (str(path.relative_to(ROOT)), name)
        for path in sorted((ROOT / "macbdf_mm").rglob("*.py"))
        for name in imported(path)
        if name.partition(".")[0] in outside
    ]
    assert found == []


def imported(path):
    """Return the names of all modules that a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(node.module)
    return names


def test_the_source_archive_has_every_config(tmp_path):
    command = [sys.executable, "setup.py", "-q", "egg_info", f"--egg-base={tmp_path}"]
    command += ["sdist", f"--dist-dir={tmp_path}", "--formats=tar"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"configs/{leaf.as_posix()}" for leaf in LEAVES} <= names
    assert "configs/_base_/default_runtime.py" in names
    assert "macbdf_mm/reports/templates/run.html.j2" in names


def test_the_installed_package_has_every_template_and_can_render_it(installed):
    folder = installed / "macbdf_mm" / "reports" / "templates"
    source = ROOT / "macbdf_mm" / "reports" / "templates"
    names = sorted(path.name for path in source.iterdir())
    assert "run.html.j2" in names
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (installed / "macbdf_mm" / "serving" / "upload.js").is_file()
    code = (
        "from macbdf_mm.reports.page import render_page as r; print(r('page.html.j2', title='T'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=installed,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "<h1>T</h1>" in done.stdout


@pytest.mark.skipif(
    importlib.util.find_spec("pkg_resources") is None,
    reason="mmengine's read_base looks packages up by pkg_resources (setuptools < 82)",
)
def test_read_base_reaches_an_installed_config(installed, tmp_path):
    variant = tmp_path / "variant.py"
    variant.write_text(
        "from mmengine.config import read_base\n"
        "with read_base():\n"
        "    from macbdf_mm.configs.macbdf_dfdc import *\n"
        "train_cfg.update(max_epochs=3)\n"
    )
    code = (
        "from mmengine.config import Config;"
        f"cfg = Config.fromfile({str(variant)!r});"
        "print(cfg.train_cfg.max_epochs, cfg.model.type)"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["3", "MACBDF"]
