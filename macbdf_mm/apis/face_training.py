"""Whether a model was trained on faces, and how its crops were made.

Data sets declare it: ``face_crops=True`` in the config says that the files are face crops, a
``CropFaceTrack`` in the pipeline makes crops while loading, and ``metainfo.faces`` of the
annotation says how ``macbdf faces`` found and cropped them. Checkpoints and releases keep the
metainfo of the training data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from mmengine.config import Config

from macbdf_mm.prepare.faces.face_crop import CropSettings
from macbdf_mm.prepare.faces.find_faces import TrackingSettings

_DEFAULT_DETECTOR = "MTCNNDetector"
_CROPPER = "CropFaceTrack"
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class FaceTraining:
    """What a model was shown of the pictures in training.

    Attributes:
        on_faces: Whether it was face crops; None if nobody says.
        crops: How crops were written.
        tracking: How files were searched for faces.
        detector: Config of the detector, without the device that it ran on.
        in_pipeline: Whether the pipeline crops while loading.
        is_known: Whether the training data say how crops were made; else these are defaults.
    """

    on_faces: bool | None
    crops: CropSettings = field(default_factory=CropSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    detector: Mapping[str, Any] = field(default_factory=lambda: {"type": _DEFAULT_DETECTOR})
    in_pipeline: bool = False
    is_known: bool = False

    @classmethod
    def of(cls, cfg: Config, checkpoint: Mapping[str, Any]) -> "FaceTraining":
        """Return what config and checkpoint say of the training.

        Args:
            cfg: Config of the model.
            checkpoint: Of MMEngine's form.
        """
        meta = checkpoint.get("meta")
        data = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
        found = data.get("faces") if isinstance(data, Mapping) else None
        found = found if isinstance(found, Mapping) else {}
        crops = _settings(found.get("crops"), CropSettings)
        declared = [bool(part["face_crops"]) for part in _data_sets(cfg) if "face_crops" in part]
        in_pipeline = any(_crops_while_loading(part) for part in _data_sets(cfg))
        on_faces: bool | None = any(declared) or in_pipeline or crops is not None
        if not on_faces and not declared and not isinstance(data, Mapping):
            on_faces = None
        tracking = _settings(found.get("tracking"), TrackingSettings)
        detector = found.get("detector")
        if not isinstance(detector, Mapping):  # Boxes that stood in the annotation.
            detector = {"type": _DEFAULT_DETECTOR}
        return cls(
            on_faces,
            crops or CropSettings(),
            tracking or TrackingSettings(),
            {name: value for name, value in detector.items() if name != "device"},
            in_pipeline,
            is_known=crops is not None or (in_pipeline and tracking is not None),
        )


def kept_metainfo(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a checkpoint's ``meta`` what :meth:`FaceTraining.of` reads; empty without it."""
    data = meta.get("dataset_meta")
    if not isinstance(data, Mapping):
        return {}
    return {"dataset_meta": {name: data[name] for name in ("dataset", "faces") if name in data}}


def _data_sets(cfg: Config) -> list[Mapping[str, Any]]:
    parts = [_dataset_of(cfg.get(name)) for name in _LOADERS]
    return [inner for part in parts for inner in _with_inner(part)]


def _dataset_of(loader: Any) -> Any:
    return loader.get("dataset") if isinstance(loader, Mapping) else None


def _with_inner(part: Any) -> list[Mapping[str, Any]]:
    """Return the config of a data set, and those of the data sets that it consists of."""
    if isinstance(part, list | tuple):
        return [inner for item in part for inner in _with_inner(item)]
    if not isinstance(part, Mapping):
        return []
    return [part, *_with_inner(part.get("dataset")), *_with_inner(part.get("datasets"))]


def _crops_while_loading(part: Mapping[str, Any]) -> bool:
    transforms = part.get("pipeline") or ()
    names = [item.get("type") for item in transforms if isinstance(item, Mapping)]
    return any(str(name).rpartition(".")[2] == _CROPPER for name in names)


def _settings(value: Any, kind: type[Settings]) -> Settings | None:
    """Return settings that ``macbdf faces`` has recorded; None if they are no such settings."""
    if not isinstance(value, Mapping):
        return None
    try:
        return msgspec.convert(dict(value), kind)
    except msgspec.ValidationError:
        return None
