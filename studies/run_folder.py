"""The folder of one run: its config, its log, and its result once it is finished."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macbdf_mm.utils.files import write_atomically

_SILENCE = "nothing was printed"


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run lie.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The config that is trained, complete."""
        return self.path / "config.py"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.path / "log.txt"

    @property
    def training(self) -> Path:
        """The folder that MMEngine's runner writes to."""
        return self.path / "training"

    @property
    def result(self) -> Path:
        """The result; there only if the run is finished."""
        return self.path / "result.json"

    def read_result(self) -> dict[str, Any] | None:
        """Return the result, None while there is none."""
        if not self.result.is_file():
            return None
        result: dict[str, Any] = json.loads(self.result.read_text(encoding="utf-8"))
        return result

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result; a process killed meanwhile leaves none."""
        text = json.dumps(without_nan(result), indent=1)
        write_atomically((text + "\n").encode(), self.result)

    def last_words(self) -> str:
        """Return the last line of the log that is not empty, or that there is none."""
        if not self.log.is_file():
            return _SILENCE
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), _SILENCE)


def without_nan(value: Any) -> Any:
    """Return a plain value with None where a number is not finite, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
