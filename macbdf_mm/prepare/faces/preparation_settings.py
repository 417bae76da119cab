"""All that decides what preparing a clip gives."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.find_faces import TrackingSettings

# Raised when the same settings would give another result: older results are then made anew.
PREPARATION_VERSION = 1
_KEY_LENGTH = 20


@dataclass(frozen=True)
class PreparationSettings:
    """How faces are prepared.

    Attributes:
        detector: Config of a detector in ``FACE_DETECTORS``; None takes the boxes that stand
            in the annotation.
        tracking: How files are looked through.
        crops: How crops are written; None writes boxes alone.
        imports: Modules that register detectors.
    """

    detector: Mapping[str, Any] | None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    crops: CropSettings | None = None
    imports: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the settings as plain values, to be kept with the result."""
        return {
            "version": PREPARATION_VERSION,
            "detector": dict(self.detector) if self.detector is not None else "annotation",
            "tracking": asdict(self.tracking) if self.detector is not None else None,
            "crops": self.crops.record() if self.crops is not None else None,
        }

    def key(self, row: ClipRow, path: Path) -> str:
        """Return the name under which a clip's result is kept, hexadecimal.

        It changes with the settings, the file's name, size and time of change, and with the
        row's own boxes where these are used.
        """
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
        except OSError:
            stamp = [-1, -1]
        boxes = row.faces if self.detector is None else None
        text = json.dumps([self.record(), row.file, stamp, boxes], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
