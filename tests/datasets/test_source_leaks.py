import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import (
    SourceLeak,
    find_source_leaks,
    protocol_of,
    refuse_source_leaks,
    source_key,
)
from macbdf_mm.errors import ConfigError

LEAKY = [
    ClipRow("real.mp4", 0, split="train"),
    ClipRow("fake.mp4", 1, split="test", source="real.mp4"),
    ClipRow("a.mp4", 1, split="val", source="gone.mp4"),
    ClipRow("b.mp4", 1, split="train", source="gone.mp4"),
]
PAPER = {"dataset": "d", "split_protocol": {"name": "paper-80-20", "seed": 0}}


def clip(file, split, source=None):
    return ClipRow(file, 0, split=split, source=source)


def test_a_clip_without_a_source_is_its_own():
    assert source_key(clip("a.mp4", None)) == "a.mp4"
    assert source_key(clip("a.mp4", None, "b.mp4")) == "b.mp4"


def test_a_clip_and_its_source_apart_leak():
    rows = [clip("real.mp4", "train"), clip("fake.mp4", "test", "real.mp4")]
    assert find_source_leaks(rows) == [
        SourceLeak("real.mp4", ("real.mp4", "fake.mp4"), ("train", "test"))
    ]


def test_two_clips_of_one_absent_source_leak_once():
    rows = [
        clip(f"{k}.mp4", split, "gone.mp4")
        for k, split in enumerate(("val", "val", "train", "test"))
    ]
    assert find_source_leaks(rows) == [SourceLeak("gone.mp4", ("0.mp4", "2.mp4"), ("val", "train"))]


def test_what_is_apart_or_in_no_part_does_not_leak():
    rows = [
        clip("a.mp4", "train"), clip("b.mp4", "test"), clip("c.mp4", "train", "a.mp4"),
        clip("d.mp4", None, "a.mp4"),
    ]  # fmt: skip
    assert find_source_leaks(rows) == []


def test_a_leak_is_refused_with_both_clips_and_the_way_out():
    with pytest.raises(ConfigError) as caught:
        refuse_source_leaks(find_source_leaks(LEAKY), PAPER, "data/a.json")
    assert str(caught.value) == (
        "data/a.json: 'real.mp4' is in 'train' and 'fake.mp4' in 'test', but both show the "
        "recording 'real.mp4' (2 such leaks in all); divide it with `macbdf split`, or set "
        "`allow_leak='paper-80-20'` in the data set of `train_dataloader` to train all the same."
    )


def test_only_the_name_of_the_protocol_allows_it():
    refuse_source_leaks(find_source_leaks(LEAKY), PAPER, "a.json", "paper-80-20")
    refuse_source_leaks(find_source_leaks(LEAKY), {"dataset": "d"}, "a.json", "unnamed")
    with pytest.raises(ConfigError, match="allows 'official', which this is not"):
        refuse_source_leaks(find_source_leaks(LEAKY), PAPER, "a.json", "official")


def test_what_does_not_leak_needs_no_name():
    refuse_source_leaks([], PAPER, "a.json")
    refuse_source_leaks([], PAPER, "a.json", "unnamed")


@pytest.mark.parametrize("protocol", [None, "paper", {}, {"name": 3}])
def test_annotations_of_other_makers_are_unnamed(protocol):
    assert protocol_of({"dataset": "d", "split_protocol": protocol}) == "unnamed"
    assert protocol_of({"dataset": "d"}) == "unnamed"


def test_another_spelling_of_the_source_is_no_other_source():
    rows = [
        ClipRow("a.mp4", 0, split="train"),
        ClipRow("b.mp4", 1, source="./x/../a.mp4", split="test"),
    ]
    assert [leak.source for leak in find_source_leaks(rows)] == ["a.mp4"]
