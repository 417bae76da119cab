"""What a result depends on, as digests: results of different origin are never mixed."""

import ast
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

import macbdf_mm
from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import MissingDataError

# What a run executes. The tools, the report and the rendering of clips change no result.
_CODE = (
    "studies/train_run.py",
    *(
        f"macbdf_mm/{room}/**/*.py"
        for room in ("datasets", "engine", "evaluation", "media", "models", "ops", "structures")
    ),
)
_SETTINGS = (
    "custom_hooks",
    "env_cfg",
    "final_evaluation",
    "model",
    "optim_wrapper",
    "param_scheduler",
    "randomness",
    "test_cfg",
    "test_dataloader",
    "test_evaluator",
    "train_cfg",
    "train_dataloader",
    "val_cfg",
    "val_dataloader",
    "val_evaluator",
)
# Hooks that only show or store.
_RECORDERS = ("checkpoint", "logger")
# Where things lie changes nothing.
_PLACES = ("cache_dir", "data_root")
_DIGEST_LENGTH = 16

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a plain value; keys in any order."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def config_digest(cfg: Config) -> str:
    """Return the digest of what a config says about training and testing.

    Folders don't count, and neither do variables of the config file that nothing reads.
    """
    plain = cfg.to_dict()
    settings = {key: without_places(plain[key]) for key in _SETTINGS if key in plain}
    hooks = plain.get("default_hooks") or {}
    settings["default_hooks"] = {k: hook for k, hook in hooks.items() if k not in _RECORDERS}
    return digest(settings)


def run_fingerprint(cfg: Config) -> dict[str, str]:
    """Return the digests of all that the result of a run follows from.

    Returns:
        ``config`` (settings and seed), ``data`` and ``code``.
    """
    dataset = cfg.train_dataloader.dataset
    return {
        "config": config_digest(cfg),
        "data": data_digest(*annotation_and_media(dataset)),
        "code": code_digest(),
    }


def annotation_and_media(dataset: Mapping[str, Any]) -> tuple[Path, Path]:
    """Return the annotation file of a data set's config, and the folder of its media files."""
    root = Path(dataset.get("data_root") or "")
    return root / dataset["ann_file"], root / (dataset.get("data_prefix") or {}).get("file", "")


@functools.cache
def data_digest(annotation: Path, media_root: Path) -> str:
    """Return the digest of an annotation and of the sizes of the media files that it names.

    Computed once in a process.

    Args:
        annotation: The annotation file.
        media_root: The folder that its files are relative to.

    Raises:
        MissingDataError: If the annotation or a file is not there.
        AnnotationError: If the annotation breaks the format.
    """
    sizes = {}
    for row in load_annotation(annotation).rows:
        path = media_root / row.file
        if not path.is_file():
            raise MissingDataError(
                f"{annotation} names {row.file}, which is not under {media_root}; make the data "
                "set again, or check the data folder."
            )
        sizes[row.file] = path.stat().st_size
    return digest([hashlib.sha256(annotation.read_bytes()).hexdigest(), sizes])


@functools.cache
def code_digest(root: Path = Path(__file__).parents[1]) -> str:
    """Return the digest of the code that a run executes, with the versions beneath it.

    Comments, docstrings and layout don't count. Computed once in a process.

    Args:
        root: The folder of the package and of the studies.
    """
    paths = sorted({path for pattern in _CODE for path in root.glob(pattern)})
    sources = {
        str(path.relative_to(root)): meaning(path.read_text(encoding="utf-8")) for path in paths
    }
    return digest([sources, macbdf_mm.__version__, torch.__version__])


def meaning(source: str) -> str:
    """Return Python source as a syntax tree in text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _Documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def without_places(value: Any) -> Any:
    """Return a plain value without the keys that only say where something lies."""
    if isinstance(value, Mapping):
        return {k: without_places(v) for k, v in value.items() if k not in _PLACES}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return value
