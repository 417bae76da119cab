import dataclasses

import pytest

from macbdf_mm.apis.caveats import (
    SYNTHETIC_WEIGHTS,
    UNFITTED_THRESHOLD,
    UNKNOWN_TRAINING,
    file_caveats,
    missing_seconds,
    weight_caveats,
)
from macbdf_mm.media.probe import MediaInfo, probe


def _of(**training_data):
    return {"meta": {"training_data": training_data}}


def test_synthetic_weights_are_named():
    assert weight_caveats(_of(dataset="demo", synthetic=True), True) == [SYNTHETIC_WEIGHTS]
    assert weight_caveats(_of(dataset="dfdc", synthetic=False), True) == []


def test_what_is_not_known_is_said():
    assert weight_caveats({}, False) == [UNKNOWN_TRAINING, UNFITTED_THRESHOLD]


@pytest.fixture
def info(make_clip) -> MediaInfo:
    return probe(make_clip(seconds=2.0))


def test_an_intact_file_misses_nothing(info):
    assert missing_seconds(info) == 0
    assert file_caveats(info) == []


def test_a_file_that_claims_more_than_it_holds_was_cut_short(info):
    cut = dataclasses.replace(info, missing_seconds=4.0)
    assert missing_seconds(cut) == pytest.approx(4)
    assert file_caveats(cut) == ["the file was cut short, only its first 2.0 s are scored"]


def test_a_header_that_rounds_is_no_cut(info):
    assert missing_seconds(dataclasses.replace(info, missing_seconds=0.3)) == 0
