"""Put the configs into the wheel, as they are and with their bases merged in.

Everything else stands in setup.cfg. A config that lists its bases as ``_base_`` cannot be
read with ``read_base()`` from an installed package: for that there are the merged ones. The names
on a command line stand for those in ``layered``, which are the same files as in a clone: in a
merged one nobody can see what was made from a variable.
"""

import re
import shutil
from functools import reduce
from pathlib import Path
from pprint import pformat
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path(__file__).parent / "configs"
# MMEngine's way to name a value of the bases: {{_base_.span_seconds}}.
BASE_VALUE = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def resolve(path: Path) -> dict[str, Any]:
    """Return the settings of a config file, merged over those of its bases."""
    text = path.read_text(encoding="utf-8")
    # The names of the bases are needed before their values are.
    bases = execute(BASE_VALUE.sub("None", text), path).pop("_base_", [])
    merged: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        merged = merge(merged, resolve(path.parent / base))

    def value_of(found: re.Match[str]) -> str:
        return repr(reduce(lambda part, key: part[key], found[1].split("."), merged))

    own = execute(BASE_VALUE.sub(value_of, text), path)
    own.pop("_base_", None)
    return merge(merged, own)


def execute(text: str, path: Path) -> dict[str, Any]:
    """Return what the text of a config file assigns."""
    settings: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), settings)
    return {key: value for key, value in settings.items() if not key.startswith("__")}


def merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return ``own`` over ``base``, dict by dict; ``_delete_`` drops what the base said."""
    if own.get("_delete_"):
        return {key: value for key, value in own.items() if key != "_delete_"}
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(value, dict):
            merged[key] = merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


class BuildWithConfigs(build_py):
    """The usual build, and the configs beside the package's modules."""

    def run(self) -> None:
        """Build the modules, then write the merged configs."""
        super().run()
        if self.editable_mode:
            return
        merged = Path(self.build_lib) / "macbdf_mm" / "configs"
        shutil.copytree(
            CONFIGS,
            merged / "layered",
            ignore=shutil.ignore_patterns("*.pyc", "__pycache__"),
            dirs_exist_ok=True,
        )
        for path in sorted(CONFIGS.rglob("*.py")):
            relative = path.relative_to(CONFIGS)
            if relative.parts[0] == "_base_":
                continue
            target = merged / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{key} = {pformat(value)}" for key, value in resolve(path).items()]
            target.write_text("\n".join(lines) + "\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildWithConfigs})
