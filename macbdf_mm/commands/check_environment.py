"""Import what the package needs, compare versions, and name each problem with its remedy.

Of itself it needs the standard library alone, and can be run as a file: nothing else may be there.
"""

import argparse
import importlib
import importlib.util
import re
import sys
from importlib import metadata

# In this order: what a later one needs is named by its own name. Ours and mmaction2's are the ones
# that are used, since a package may import while its parts do not.
MODULES = (
    "numpy",
    "torch",
    "torchaudio",
    "cv2",
    "av",
    "decord",
    "scipy",
    "sklearn",
    "matplotlib",
    "msgspec",
    "pebble",
    "rich",
    "jinja2",
    "safetensors",
    "threadpoolctl",
    "mmengine",
    "mmcv",
    "mmaction",
    "mmaction.models",
    "macbdf_mm",
    "macbdf_mm.media.probe",
    "macbdf_mm.media.read_span",
    "macbdf_mm.datasets.transforms",
    "macbdf_mm.models",
    "macbdf_mm.engine.optim",
    "macbdf_mm.engine.hooks",
    "macbdf_mm.evaluation.metrics",
    "macbdf_mm.apis.train_model",
)
# The last torch with a torchaudio of its number, and that torchaudio (2.11.1 is for a later torch).
LAST_PAIR = ("2.11.0", "2.11.0")

# Shared libraries that wheels expect from the system -> the Debian package of each.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libxcb.so.1": "libxcb1",
    "libstdc++.so.6": "libstdc++6",
}


def remedy(module: str, error: Exception) -> str:
    """Return one sentence that says how to make ``module`` importable."""
    library = re.search(r"(lib[\w+.-]+\.so[\d.]*)", str(error))
    if library and library.group(1) in DEBIAN_PACKAGES:
        package = DEBIAN_PACKAGES[library.group(1)]
        return f"{module} needs {library.group(1)}: apt-get install {package}"
    if library and library.group(1).startswith("libtorchaudio"):
        return f"{module} has a library for another torch: {_install_pair(_version('torch'))}"
    if library:
        return f"{module} needs {library.group(1)}: install the system package that has it"
    if module == "mmcv":
        return "mmcv is missing: pip install 'macbdf_mm[lite]', or full mmcv >= 2.0, < 2.1"
    if "mmaction.models.localizers.drn" in str(error):
        return (
            f"{module} does not import, since the wheel of mmaction2 1.2.0 lacks "
            "mmaction.models.localizers.drn: pip install mmaction2==1.1.0"
        )
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"{module} does not import ({reason}): pip install 'macbdf_mm[lite]', or in a clone "
        "pip install -c constraints.txt -e '.[lite]'"
    )


def import_problems() -> list[str]:
    """Return a sentence for each module that does not import, but not for its dependants."""
    problems = []
    failed: list[str] = []
    for module in MODULES:
        try:
            importlib.import_module(module)
        except Exception as error:  # a library of another version may raise anything
            lacks = getattr(error, "name", None) or ""
            follows = any(_is_within(lacks, other) for other in failed if other != module)
            if not follows and str(error) not in failed:
                problems.append(remedy(module, error))
            failed += [module, str(error)]
    return problems


def pair_problem(torch: str | None, torchaudio: str | None) -> str | None:
    """Return a sentence if these versions of torch and torchaudio do not belong together."""
    if torch is None or torchaudio is None or _minor(torch) == _minor(torchaudio):
        return None
    return f"torch {torch} and torchaudio {torchaudio} do not match: {_install_pair(torch)}"


def version_problems(requirements: list[str]) -> list[str]:
    """Return a sentence for each installed package outside of the range that is asked for.

    What is not installed is left to the imports: another package may provide the module. So is
    mmaction2 1.2.0, whose wheel is broken and whose source is not.
    """
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return []
    problems = []
    for requirement in map(Requirement, requirements):
        version = _version(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": "lite"})
        if version is None or not wanted or (requirement.name, version) == ("mmaction2", "1.2.0"):
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            needed = f"{requirement.name}{requirement.specifier}"
            problems.append(
                f"{requirement.name} {version} is installed, but macbdf_mm needs {needed}: "
                f"pip install '{needed}'"
            )
    return problems


def folder_problem(distributions: set[str]) -> str | None:
    """Return a sentence if two packages that share the folder ``mmcv`` are installed."""
    if {"mmcv", "mmcv-lite"} <= distributions:
        return (
            "mmcv and mmcv-lite are both installed and overwrite each other: "
            "pip uninstall mmcv mmcv-lite, then install one of them"
        )
    return None


def notes() -> list[str]:
    """Return a sentence for each thing that only some need."""
    if importlib.util.find_spec("pkg_resources") is None:
        return [
            "read_base() cannot reach the configs of an installed package, since mmengine looks "
            "it up by pkg_resources; whoever wants that: pip install 'setuptools<82'"
        ]
    return []


def _requirements() -> list[str]:
    try:
        return metadata.requires("macbdf_mm") or []
    except metadata.PackageNotFoundError:
        return []


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("+")[0].split(".")[:2])


def _install_pair(torch: str | None) -> str:
    """Return the command that brings a torchaudio for this torch, or the last pair."""
    if torch is None or _minor(torch) >= _minor(LAST_PAIR[0]):
        return "pip install torch=={} torchaudio=={}".format(*LAST_PAIR)
    major, minor = _minor(torch)
    return f"pip install 'torchaudio=={major}.{minor}.*'"


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def main() -> int:
    """Run the command."""
    argparse.ArgumentParser(
        description="Import what the package needs, compare versions, and name "
        "each problem with its remedy.",
        epilog="Exit code: 0 without a problem, 1 with one.",
    ).parse_args()
    problems = import_problems()
    installed = {name for name in ("mmcv", "mmcv-lite") if _version(name)}
    further = (pair_problem(_version("torch"), _version("torchaudio")), folder_problem(installed))
    problems += [problem for problem in further if problem is not None]
    problems += version_problems(_requirements())
    for problem in problems:
        sys.stderr.write(f"check_environment: {problem}\n")
    for note in notes():
        sys.stderr.write(f"check_environment: note: {note}\n")
    if not problems:
        sys.stdout.write(f"All {len(MODULES)} modules import, in versions that go together.\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
