"""What the server asks of a process that computes, and what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class UploadJob:
    """A file to score.

    Attributes:
        path: Where it stands.
        name: What it is called in the answer.
        has_page: Whether a page is wanted beside the prediction.
    """

    path: Path
    name: str
    has_page: bool


@dataclass(frozen=True)
class UploadAnswer:
    """What came of it.

    Attributes:
        prediction: As :meth:`~macbdf_mm.apis.prediction.Prediction.to_json` gives it.
        is_too_long: Whether it was not scored, because it is longer than is allowed.
        page: The HTML document, if it is wanted and there are scores.
    """

    prediction: Mapping[str, Any]
    is_too_long: bool = False
    page: str | None = None
