"""What a result depends on, as digests: results of different origin are never mixed."""

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import MissingDataError
from studies.encoders import starting_digest
from studies.executed_code import files_digest, training_files

_SETTINGS = (
    "custom_hooks",
    "env_cfg",
    "final_evaluation",
    "further_tests",
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
    """Return the digests of all that the weights and scores of a run follow from.

    Returns:
        ``config`` (settings and seed), ``encoders`` (the weights that they start from), ``data``
        and ``code`` (what training executes; how figures are computed from scores is no part of
        it).
    """
    dataset = cfg.train_dataloader.dataset
    plain = cfg.to_dict()
    named = {key: plain[key] for key in (*_SETTINGS, "default_hooks") if key in plain}
    return {
        "config": config_digest(cfg),
        "encoders": starting_digest(cfg.model),
        "data": data_digest(*annotation_and_media(dataset)),
        "code": files_digest(training_files(named))[:_DIGEST_LENGTH],
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


def without_places(value: Any) -> Any:
    """Return a plain value without the keys that only say where something lies."""
    if isinstance(value, Mapping):
        # Of weights to start from, the contents have a digest of their own.
        is_start = value.get("type") == "Pretrained"
        places = (*_PLACES, "checkpoint") if is_start else _PLACES
        return {k: without_places(v) for k, v in value.items() if k not in places}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return value
