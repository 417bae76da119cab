import math

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.audit.check_files import FileCheck
from macbdf_mm.prepare.audit.counts import (
    FormatCount,
    count_formats,
    count_parts,
    format_name,
)

ROWS = [
    ClipRow("a", 0, 0, 0, identity="Ann", split="train"),
    ClipRow("b", 1, 1, 0, identity="Ann", source="a", method="swap", split="train"),
    ClipRow("c", 1, 0, 1, identity="Bob", source="d", method="voice", split="train"),
    ClipRow("d", 1, 1, 1, source="d", method="swap", split="test"),
    ClipRow("e", -1, method="swap", split="test"),
    ClipRow("f", 0),
]


def test_parts_are_counted_by_name_and_all_together():
    parts = {part.split: part for part in count_parts(ROWS)}
    assert list(parts) == ["no split", "test", "train", "all"]
    train, whole = parts["train"], parts["all"]
    assert (train.num_clips, train.num_real, train.num_fake) == (3, 1, 2)
    assert train.by_category == {"RVRA": 1, "FVRA": 1, "RVFA": 1}
    assert train.by_identity == {"Ann": 2, "Bob": 1}
    assert train.num_sources == 2
    assert (whole.num_clips, whole.num_real, whole.num_fake) == (6, 2, 3)
    assert whole.by_category == {"unknown": 2, "RVRA": 1, "FVRA": 1, "RVFA": 1, "FVFA": 1}
    # A clip that may be real has no method that counts.
    assert whole.by_method == {"swap": 2, "voice": 1}
    assert whole.num_sources == 4


def test_accuracies_of_answering_without_a_look():
    parts = {part.split: part for part in count_parts(ROWS)}
    assert parts["train"].always_fake_accuracy == 2 / 3
    assert parts["no split"].always_fake_accuracy == 0
    assert parts["no split"].majority_accuracy == 1
    assert parts["all"].majority_accuracy == 3 / 5
    (_, unknown) = count_parts([ClipRow("a", -1)])
    assert math.isnan(unknown.majority_accuracy)
    assert math.isnan(unknown.always_fake_accuracy)


def test_the_most_frequent_come_first():
    rows = [ClipRow(f"{k}", 1, identity="BAACAB"[k], method="xyyyxz"[k]) for k in range(6)]
    assert list(count_parts(rows)[-1].by_identity.items()) == [("A", 3), ("B", 2), ("C", 1)]
    assert list(count_parts(rows)[-1].by_method) == ["y", "x", "z"]


USUAL = "mov, 64x48 at 25 fps, h264 yuv420p, aac 16000 Hz, 1 ch"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, USUAL),
        (dict(fps=29.97002997), USUAL.replace("25", "29.97")),
        (dict(fps=None), USUAL.replace(" at 25 fps", "")),
        (dict(has_audio=False), "mov, 64x48 at 25 fps, h264 yuv420p"),
        (dict(has_video=False, container_format="wav"), "wav, aac 16000 Hz, 1 ch"),
    ],
)
def test_a_format_is_named_by_what_a_file_has(measured, changes, name):
    assert format_name(measured(**changes).measures) == name


def test_clips_of_each_format_are_counted_by_label(measured):
    rows = [ClipRow(f"{k}", label) for k, label in enumerate((0, 1, 1, -1, 0, 0))]
    checks = {row.file: measured() for row in rows}
    checks["4"], checks["5"] = measured(fps=30.0), FileCheck(None, "broken")
    usual, other = count_formats(rows, checks)
    assert usual == FormatCount(USUAL, num_real=1, num_fake=2, num_unknown=1)
    assert usual.num_clips == 4
    assert other == FormatCount(USUAL.replace("25", "30"), num_real=1)
