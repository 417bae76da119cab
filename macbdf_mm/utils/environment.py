"""What a figure was computed with: command, processor, cores and versions."""

import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("macbdf_mm", "torch", "torchaudio", "mmengine", "mmaction2", "av", "numpy")
_CPU_FILE = Path("/proc/cpuinfo")
_CPU_KEY = "model name"


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that figures depend on, by name."""
    return {"Python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def command_line() -> str:
    """Return the words by which this process was started, so that a shell runs them again."""
    program, *words = sys.argv
    # `macbdf evaluate` stands in the place of a program's path; any other is a script.
    start = program.split() if program.startswith("macbdf ") else ["python", program]
    return shlex.join([*start, *words])


def hardware() -> str:
    """Return the processor and how many of its cores this process may use."""
    num_cores = len(os.sched_getaffinity(0))
    return f"{processor_name()}, {num_cores} core{'s' if num_cores > 1 else ''}, no GPU used"


def processor_name(cpu_file: Path = _CPU_FILE) -> str:
    """Return the name of the processor's model, its architecture where the system has no name.

    Args:
        cpu_file: Where Linux lists the processors.
    """
    if cpu_file.is_file():
        for line in cpu_file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == _CPU_KEY and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
