"""A release: a folder with all that others need of a trained detector, read without pickle.

========================  ====================================================================
``model.safetensors``     weights, with thresholds, calibration and settings as buffers
``config.py``             the merged config, as plain values
``release.json``          the same thresholds and calibration to read, and where it comes from
``README.md``             the model card
``SHA256SUMS``            digests of all files, as ``sha256sum --check`` takes them
``model.onnx``            only if it was asked for
========================  ====================================================================

The digests tell a damaged folder, not a forged one: whoever can change a file can change them, too.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.output_places import forget_places
from macbdf_mm.apis.plain_config import read_plain_config
from macbdf_mm.errors import CheckpointMismatchError, MissingDataError

WEIGHTS = "model.safetensors"
CONFIG = "config.py"
FACTS = "release.json"
CARD = "README.md"
DIGESTS = "SHA256SUMS"
ONNX = "model.onnx"
FILES = frozenset({WEIGHTS, CONFIG, FACTS, CARD, DIGESTS, ONNX})
FORMAT = 1
"""Counted up when an older version could not read a release any more."""
OF_THE_RUN = ("work_dir", "load_from", "resume", "launcher", "experiment_name")
"""Entries of a config that belong to one run on one machine."""


def is_release(path: str | Path) -> bool:
    """Return whether a path is a release folder."""
    return (Path(path) / FACTS).is_file()


def weights_file(checkpoint: str | Path) -> Path:
    """Return the weights of a release folder; any other path is its own answer."""
    return Path(checkpoint) / WEIGHTS if is_release(checkpoint) else Path(checkpoint)


def release_config(folder: str | Path) -> Config:
    """Return the config of a release, read as data; a runner may build all of it.

    What belongs to a run is left out, whatever the file says, and so are the places where its
    hooks, evaluators and visualizers would write: that is for those to say who use the release.

    Raises:
        MissingDataError: If a file is not there.
        CheckpointMismatchError: If a file is not as it was written, or of a later version.
        ConfigError: If there is more in it than plain values and registered parts.
    """
    check_release(folder)
    path = Path(folder) / CONFIG
    cfg = read_plain_config(path.read_text(encoding="utf-8"), str(path), is_built_whole=True)
    for key in OF_THE_RUN:
        cfg.pop(key, None)
    forget_places(cfg)
    return cfg


def load_release(folder: str | Path) -> dict[str, Any]:
    """Return the weights of a release in the form of a checkpoint, with ``meta``; nothing is run.

    Raises:
        MissingDataError: If a file is not there.
        CheckpointMismatchError: If a file is not as it was written, or of a later version.
    """
    # Imported late: a command that reads the config alone needs no torch.
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    check_release(folder)
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise CheckpointMismatchError(
            f"Release '{folder}': '{WEIGHTS}' is no file of safetensors ({error}), although its "
            "digest is right; ask whoever made it."
        ) from error
    return {"state_dict": weights, "meta": read_facts(folder)["meta"]}


def read_facts(folder: str | Path) -> dict[str, Any]:
    """Return what ``release.json`` says.

    Raises:
        CheckpointMismatchError: If it is not what `macbdf export` writes, or of a later version.
    """
    folder = Path(folder)
    try:
        facts: Any = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        facts = None
    number = facts.get("format") if isinstance(facts, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise CheckpointMismatchError(
            f"Release '{folder}' has format {number}, and this version of macbdf_mm reads "
            f"{FORMAT}; install the version that its {FACTS} names."
        )
    if number != FORMAT or not isinstance(facts.get("meta"), dict):
        raise CheckpointMismatchError(
            f"'{folder}' is no release: its {FACTS} is not what `macbdf export` writes."
        )
    return facts


def check_release(folder: str | Path) -> None:
    """Return if all files of a release are there as they were written.

    Raises:
        MissingDataError: If one is not there.
        CheckpointMismatchError: If one differs from its digest, or the release is of a later
            version.
    """
    folder = Path(folder)
    for name, digest in read_digests(folder).items():
        path = folder / name
        if not path.is_file():
            raise MissingDataError(
                f"Release '{folder}' lacks '{name}', which its {DIGESTS} lists; fetch it again."
            )
        if file_digest(path) != digest:
            raise CheckpointMismatchError(
                f"Release '{folder}': '{name}' differs from its digest in {DIGESTS}, so it was "
                "damaged or changed after `macbdf export`; fetch it again."
            )
    read_facts(folder)


def read_digests(folder: Path) -> dict[str, str]:
    """Return the digests of a release by file name.

    Raises:
        MissingDataError: If the list, or what every release has, is not in it.
        CheckpointMismatchError: If it is no list of digests.
    """
    path = folder / DIGESTS
    if not path.is_file():
        raise MissingDataError(
            f"Release '{folder}' lacks '{DIGESTS}', so nobody can tell whether its files are "
            "whole; fetch it again."
        )
    text = path.read_text(encoding="utf-8", errors="replace")
    pairs = [line.split("  ", 1) for line in text.splitlines()]
    digests = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    if any("/" in name for name in digests) or not {WEIGHTS, CONFIG, FACTS} <= digests.keys():
        raise CheckpointMismatchError(
            f"Release '{folder}': '{DIGESTS}' does not list {WEIGHTS}, {CONFIG} and {FACTS}; fetch "
            "it again."
        )
    return digests


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
