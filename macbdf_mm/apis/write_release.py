"""Writing a release folder from a trained detector, see :mod:`macbdf_mm.apis.release`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from safetensors.torch import save
from torch import nn

from macbdf_mm.apis.evaluate_model import SCORES_FILE
from macbdf_mm.apis.export_model import ScoringModel, example_inputs
from macbdf_mm.apis.face_training import FaceTraining, kept_metainfo
from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.apis.model_card import model_card
from macbdf_mm.apis.release import (
    CARD,
    CONFIG,
    DIGESTS,
    FACTS,
    FILES,
    FORMAT,
    OF_THE_RUN,
    ONNX,
    WEIGHTS,
    file_digest,
    is_release,
    read_facts,
    weights_file,
)
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.engine.hooks.decision_threshold_hook import calibration_of
from macbdf_mm.errors import ConfigError, MissingDataError, UnwritableFileError
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.registered_parts import find_part
from macbdf_mm.registry import EXPORTERS
from macbdf_mm.reports.score_tables import score_tables
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.environment import package_versions
from macbdf_mm.utils.files import replacing_folder

_KEPT_META = ("training_data", "epoch", "iter", "seed", "time", "mmengine_version")
# The first table of a score file.
_FIGURES = "All clips"


def write_release(
    cfg: Config,
    checkpoint: str | Path,
    out: str | Path,
    *,
    half: bool = False,
    onnx: bool = False,
    allow_pickle: bool = False,
) -> Path:
    """Return the folder to which a trained detector was written with all that others need of it.

    Test figures stand in it if the run's ``test_scores.jsonl`` was made by the same weights, or if
    they stand in the release that the weights are from.

    Args:
        cfg: The config that the detector was trained with.
        checkpoint: Its weights.
        out: The folder; an older release there is replaced, anything else is refused.
        half: Store parameters in float16, which halves the file; buffers stay as they are.
        onnx: Write the detector in the format ``onnx``, too.
        allow_pickle: Load a checkpoint that holds more than weights, which can run any code.

    Raises:
        ConfigError: If a parameter does not fit into float16.
        CheckpointMismatchError: If the weights do not belong to the config.
        MissingDataError: If there is no such checkpoint.
        UnwritableFileError: If the folder cannot be written, or holds something else.
    """
    out = Path(out)
    _refuse_other_content(out)
    # Absolute, as `.` has no name.
    with replacing_folder(out.absolute()) as folder:
        loaded = load_checkpoint(checkpoint, allow_pickle=allow_pickle)
        model = build_model(cfg)
        weights = loaded["state_dict"]
        load_weights(model, weights, str(checkpoint))
        figures = _figures(weights_file(checkpoint).parent, weight_digest(model))
        stored = _stored(model, half)
        load_weights(model, stored, str(checkpoint))
        # Its own writer of files makes one that nobody else may read.
        (folder / WEIGHTS).write_bytes(save(stored, metadata={"format": "pt"}))
        facts = _facts(cfg, model, loaded.get("meta"), half, figures)
        _write_text(folder / FACTS, json.dumps(facts, indent=1, allow_nan=False))
        _write_text(folder / CONFIG, shared_config(cfg).pretty_text)
        _write_text(folder / CARD, model_card(facts))
        if onnx:
            exporter = find_part(EXPORTERS, "onnx", {})
            with torch.no_grad():
                exporter(ScoringModel(model), example_inputs(cfg), folder / ONNX)
        names = sorted(path.name for path in folder.iterdir())
        _write_text(
            folder / DIGESTS, "\n".join(f"{file_digest(folder / name)}  {name}" for name in names)
        )
    return out


def shared_config(cfg: Config) -> Config:
    """Return a config without what belongs to one run on one machine."""
    return Config({key: value for key, value in cfg.to_dict().items() if key not in OF_THE_RUN})


def _refuse_other_content(out: Path) -> None:
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    other = found if found and not is_release(out) else found - FILES
    if other:
        raise UnwritableFileError(
            f"Folder '{out}' holds '{min(other)}', which is no part of a release and would be "
            "deleted; choose another --out."
        )


def _stored(model: nn.Module, half: bool) -> dict[str, torch.Tensor]:
    """Return the weights as they are written: a memory of its own for each, as safetensors asks."""
    stored = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
    }
    for name, _ in model.named_parameters() if half else ():
        value = stored[name].half()
        if not value.isfinite().all():
            raise ConfigError(
                f"The weight '{name}' has values up to {stored[name].abs().max():.3g}, and float16 "
                "ends at 65504; export without --half."
            )
        stored[name] = value
    return stored


def _facts(
    cfg: Config, model: nn.Module, meta: Any, half: bool, figures: dict[str, Any] | None
) -> dict[str, Any]:
    known = meta if isinstance(meta, Mapping) else {}
    settings = read_test_settings(cfg)
    thresholds = getattr(model, "decision_threshold", None)
    if not isinstance(thresholds, torch.Tensor):
        raise ConfigError(
            f"A model of type {type(model).__name__} has no decision thresholds, so nobody could "
            "score files with it; expected one derived from BaseForgeryDetector."
        )
    calibration = calibration_of(dict(model.named_buffers(recurse=False)))
    return {
        "format": FORMAT,
        "name": _name(cfg),
        "versions": package_versions(),
        "weights_sha256": weight_digest(model),
        "precision": "float16" if half else "float32",
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "window_seconds": settings.span_seconds,
        "reads_face_crops": bool(FaceTraining.of(cfg, {"meta": known}).on_faces),
        "thresholds": dict(zip(TRACKS, thresholds.tolist(), strict=True)),
        "is_threshold_fitted": bool(getattr(model, "is_threshold_fitted", False)),
        "calibration": calibration.to_json() if calibration.is_fitted else None,
        "figures": figures,
        "meta": {key: known[key] for key in _KEPT_META if key in known} | kept_metainfo(known),
    }


def _name(cfg: Config) -> str:
    path = Path(cfg.filename or "detector")
    return path.resolve().parent.name if path.name == CONFIG else path.stem


def _figures(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return the table of the test of these weights, None if they were not tested."""
    if is_release(folder):
        facts = read_facts(folder)
        return facts["figures"] if facts["weights_sha256"] == digest else None
    path = folder / SCORES_FILE
    try:
        scores = read_scores(path)
    except (MissingDataError, ValueError):
        return None
    if scores.origin.get("weights_sha256") != digest:
        return None
    found = score_tables(scores, num_resamples=0)
    table = found.tables[_FIGURES]
    rows = [list(row) for row in table.rows]
    return {
        "headers": list(table.headers),
        "rows": rows,
        "num_clips": len(scores.videos),
        "weights_sha256": digest,
    }


def _write_text(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
