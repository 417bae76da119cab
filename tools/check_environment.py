"""Import what the toolbox needs, and name the package of each thing that is missing."""

import importlib
import re
import sys

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
    "mmengine",
    "mmcv",
    "mmaction",
    "macbdf_mm",
)

# Shared libraries that wheels expect from the system -> the Debian package of each.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libxcb.so.1": "libxcb1",
    "libstdc++.so.6": "libstdc++6",
}


def remedy(module: str, error: ImportError) -> str:
    """Return one sentence that says how to make ``module`` importable."""
    library = re.search(r"(lib[\w+.-]+\.so[\d.]*)", str(error))
    if library and library.group(1) in DEBIAN_PACKAGES:
        package = DEBIAN_PACKAGES[library.group(1)]
        return f"{module} needs {library.group(1)}: apt-get install {package}"
    if library:
        return f"{module} needs {library.group(1)}: install the system package that has it"
    if module == "mmcv":
        return "mmcv is missing: pip install 'macbdf_mm[lite]', or full mmcv >= 2.0, < 2.1"
    return f"{module} does not import ({error}): pip install -c constraints.txt -e '.[lite]'"


def main() -> int:
    problems = []
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            problems.append(remedy(module, error))
    for problem in problems:
        sys.stderr.write(f"check_environment: {problem}\n")
    if not problems:
        sys.stdout.write(f"All {len(MODULES)} modules import.\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
