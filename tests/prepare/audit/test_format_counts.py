import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.audit.file_check import FileCheck
from macbdf_mm.prepare.audit.format_counts import FormatCount, count_formats, format_name

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
