from collections import Counter, defaultdict

import pytest

from demo.clip_plan import MIN_CLIPS, plan_clips, rows_of
from macbdf_mm.datasets.forgery.operators import (
    AUDIO_OPERATORS,
    TEST_ONLY_OPERATORS,
    VIDEO_OPERATORS,
)


@pytest.fixture(scope="module")
def rows():
    return rows_of(plan_clips(1000, seed=0))


@pytest.mark.parametrize("num_clips", [MIN_CLIPS, 13, 57, 200])
def test_exactly_as_many_clips_as_asked_for_in_three_splits(num_clips):
    rows = rows_of(plan_clips(num_clips, seed=3))
    assert len({row.file for row in rows}) == num_clips
    assert {row.split for row in rows} == {"train", "val", "test"}


def test_same_seed_same_plan_and_another_seed_another():
    assert plan_clips(40, 7) == plan_clips(40, 7)
    assert plan_clips(40, 7) != plan_clips(40, 8)


def test_identities_are_disjoint_and_enough_to_train_on(rows):
    splits = defaultdict(set)
    for row in rows:
        splits[row.identity].add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert sum(found == {"train"} for found in splits.values()) >= 50


def test_donors_of_faces_come_from_the_same_split():
    for group in plan_clips(300, 0):
        assert len({clip.row.split for source in group for clip in source.clips}) == 1


def test_every_split_has_its_share_of_categories(rows):
    for split in ("train", "val", "test"):
        counts = Counter(row.category for row in rows if row.split == split)
        total = sum(counts.values())
        assert counts["RVRA"] / total == pytest.approx(0.4, abs=0.02)
        for category in ("FVRA", "RVFA", "FVFA"):
            assert counts[category] / total == pytest.approx(0.2, abs=0.02)
    test = Counter(row.label for row in rows if row.split == "test")
    assert min(test[0], test[1]) >= 100


def test_one_operator_of_each_track_is_in_the_test_split_only(rows):
    seen = defaultdict(lambda: defaultdict(set))
    for row in rows:
        for track in ("video", "audio"):
            if f"{track}_method" in row.extra:
                seen[track][row.split].add(row.extra[f"{track}_method"])
    for track, operators in (("video", VIDEO_OPERATORS), ("audio", AUDIO_OPERATORS)):
        assert seen[track]["test"] == set(operators)
        held_out = seen[track]["test"] - seen[track]["train"] - seen[track]["val"]
        assert len(held_out) == 1
        assert held_out <= TEST_ONLY_OPERATORS


def test_intervals_lie_on_frames_inside_the_clip(rows):
    partial = 0
    for row in rows:
        for track in ("video", "audio"):
            intervals = getattr(row, f"{track}_fake_intervals")
            assert not (intervals and getattr(row, f"{track}_label") == 0)
            for start, end in intervals:
                assert 0 <= start < end <= row.duration_seconds
                assert end - start >= 0.5
                for time in (start, end):
                    assert time * 25 == pytest.approx(round(time * 25), abs=1e-9)
            partial += bool(intervals)
    fakes = sum(row.video_label + row.audio_label for row in rows)
    assert 0.28 < partial / fakes < 0.38


def test_fakes_name_their_source_operators_and_strength(rows):
    by_file = {row.file: row for row in rows}
    for row in rows:
        assert 2.0 <= row.duration_seconds <= 4.0
        if row.label == 0:
            assert (row.method, row.source, row.extra) == ("real", None, {})
            continue
        source = by_file[row.source]
        assert source.label == 0
        assert (source.identity, source.split) == (row.identity, row.split)
        assert source.duration_seconds == row.duration_seconds
        named = [row.extra.get("video_method"), row.extra.get("audio_method")]
        assert row.method == "+".join(name for name in named if name)
        for track, label in (("video", row.video_label), ("audio", row.audio_label)):
            assert (f"{track}_method" in row.extra) == bool(label)
            if label:
                assert 0 < row.extra[f"{track}_strength"] <= 1


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="`num_clips` >= 12, got 5"):
        plan_clips(5, 0)
    with pytest.raises(ValueError, match="`seed` >= 0, got -1"):
        plan_clips(40, -1)
