import pytest

from macbdf_mm.prepare.converters.published_split import (
    published_split,
    split_fields,
    split_in_name,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train", "train"), ("dev", "val"), ("Validation", "val"), (" TEST ", "test"),
        ("hold-out", "hold-out"), ("", None), (None, None),
    ],
)  # fmt: skip
def test_names_of_splits(name, expected):
    assert published_split(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_videos", "test"), ("DFDC-validation", "val"), ("train", "train"),
        ("latest", None), ("restrain", None), ("", None),
    ],
)  # fmt: skip
def test_splits_in_names_of_folders(name, expected):
    assert split_in_name(name) == expected


def test_fields_keep_the_official_split():
    assert split_fields("dev") == {"split": "val", "extra": {"official_split": "val"}}
    assert split_fields(None) == {"split": None, "extra": {}}
