import numpy as np

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.audit.file_check import FileCheck
from macbdf_mm.prepare.audit.revealing_values import revealing_values
from macbdf_mm.prepare.audit.shortcut_probes import ALL_FEATURES, Question

ROWS = [ClipRow(f"{k}", label, split="val") for k, label in enumerate((0, 0, 1, 1, -1, 1))]
ROWS.append(ClipRow("6", 1, split="train"))


def test_the_column_that_tells_most_is_shown(measured):
    heights = (40, 50, 60, 70, 80, None, 90)
    checks = {f"{k}": measured(width=64, height=height) for k, height in enumerate(heights)}
    found = revealing_values(ROWS, checks, "resolution", Question("fake", "val"))
    assert (found.feature, found.column) == ("resolution", "height in pixels")
    np.testing.assert_array_equal(found.real, [40, 50])
    np.testing.assert_array_equal(found.fake, [60, 70])


def test_less_is_as_telling_as_more(measured):
    checks = {row.file: measured(loudness_db=-30.0 * row.label, peak=0.5) for row in ROWS}
    found = revealing_values(ROWS, checks, "loudness", Question("fake"))
    assert found.column == "dB of full scale"


def test_what_is_no_number_or_of_one_class_is_not_shown(measured):
    checks = {row.file: measured() for row in ROWS}
    for feature in ("codec", ALL_FEATURES):
        assert revealing_values(ROWS, checks, feature, Question("fake")) is None
    assert revealing_values(ROWS, checks, "duration", Question("fake", "train")) is None
    checks = {row.file: FileCheck(None, "broken") for row in ROWS}
    assert revealing_values(ROWS, checks, "duration", Question("fake")) is None
