"""The code that a run executes: the parts that its config names, and what these import."""

import ast
import functools
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import Registry

import macbdf_mm
from macbdf_mm import registry

ROOT = Path(__file__).parents[1]
_START = "studies/train_run.py"
# What trains. Decoding was done before; figures, pages and tools come after; and what the helpers
# for files and jobs do changes no weight.
_ROOMS = ("macbdf_mm/datasets", "macbdf_mm/engine", "macbdf_mm/models", "macbdf_mm/ops",
          "macbdf_mm/structures", "studies/train_run.py", "macbdf_mm/registry.py")  # fmt: skip
_SCORING = ("macbdf_mm/evaluation",)
# How a config names a class: its own, and that of what builds the optimiser wrapper.
_NAMES = ("type", "constructor")

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def training_files(cfg: Mapping[str, Any], root: Path = ROOT) -> list[str]:
    """Return the source files that the training of a config executes, relative to ``root``.

    From the command of a run and the parts that the config names, all imports are followed
    through the rooms that train: a row without a part does not depend on its code.

    Args:
        cfg: The config, plain.
        root: The folder of the package and of the studies.
    """
    return _closure([_START, *_files_of_parts(cfg)], _ROOMS, root)


def scoring_files(root: Path = ROOT) -> list[str]:
    """Return the source files by which figures are computed from scores."""
    return _closure(["macbdf_mm/evaluation/metrics/forgery_metric.py"], _SCORING, root)


def files_digest(files: list[str], root: Path = ROOT) -> str:
    """Return the SHA-256 of source files, with the versions beneath them.

    Comments, docstrings and layout don't count.

    Args:
        files: Relative to ``root``.
        root: The folder of the package and of the studies.
    """
    found = hashlib.sha256(f"{macbdf_mm.__version__} {torch.__version__}".encode())
    for file in files:
        source = (root / file).read_text(encoding="utf-8")
        found.update(f"{file}\n{meaning(source)}\n".encode())
    return found.hexdigest()


@functools.cache
def meaning(source: str) -> str:
    """Return Python source as a syntax tree in text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _Documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _files_of_parts(cfg: Any) -> Iterator[str]:
    """Yield the files of the classes of this package that a config names."""
    if isinstance(cfg, Mapping):
        for key in _NAMES:
            if isinstance(name := cfg.get(key), str):
                yield from _files_of_class(name.rpartition(".")[2])
        for value in cfg.values():
            yield from _files_of_parts(value)
    elif isinstance(cfg, list | tuple):
        for value in cfg:
            yield from _files_of_parts(value)


@functools.cache
def _files_of_class(name: str) -> list[str]:
    files = []
    for each in vars(registry).values():
        if isinstance(each, Registry):
            each.import_from_location()
            if (part := each.module_dict.get(name)) is not None:
                path = Path(inspect.getfile(inspect.unwrap(part)))
                if path.is_relative_to(ROOT):
                    files.append(path.relative_to(ROOT).as_posix())
    return files


def _closure(starts: list[str], rooms: tuple[str, ...], root: Path) -> list[str]:
    """Return files and all that they import within some folders and files, sorted."""
    found: set[str] = set()
    waiting = [file for file in starts if file.startswith(rooms)]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            imported = _imported_files((root / file).read_text(encoding="utf-8"), root)
            waiting += [each for each in imported if each.startswith(rooms)]
    return sorted(found)


@functools.cache
def _imported_files(source: str, root: Path) -> list[str]:
    """Return the files of this project that Python source imports, wherever in it."""
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.append(node.module)
            # What is imported from a package may be a module.
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
    paths = [module.replace(".", "/") for module in modules]
    files = [f"{path}{end}" for path in paths for end in (".py", "/__init__.py")]
    return [file for file in files if file.startswith(("macbdf_mm/", "studies/"))
            and (root / file).is_file()]  # fmt: skip
