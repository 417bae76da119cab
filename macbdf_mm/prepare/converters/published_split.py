"""The names of splits, as data sets publish them and as this project calls them."""

import re
from typing import Any

_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def published_split(name: Any) -> str | None:
    """Return ``train``, ``val`` or ``test`` for what a data set calls it, other names as they are.

    Empty names are None.
    """
    text = "" if name is None else str(name).strip()
    return _NAMES.get(text.lower(), text) or None


def split_in_name(name: str) -> str | None:
    """Return the split that a folder's name speaks of, as in ``test_videos``; None for none."""
    words = re.split(r"[\W_]+", name.lower())
    return next((_NAMES[word] for word in words if word in _NAMES), None)


def split_fields(name: Any) -> dict[str, Any]:
    """Return the fields of a row for a published split: ``split``, and ``extra`` that keeps it."""
    split = published_split(name)
    return {"split": split, "extra": {} if split is None else {"official_split": split}}
