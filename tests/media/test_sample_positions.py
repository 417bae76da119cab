from fractions import Fraction

import numpy as np
import pytest

from macbdf_mm.media.sample_positions import SampleClock, place_frames

RATE = 44_100
MILLISECONDS = Fraction(1, 1000)


def clock(time_base=Fraction(1, RATE), first_start=0.0, first_length=1024, step=0):
    return SampleClock(RATE, time_base, first_start, first_start + first_length, step)


def rounded(starts, time_base=MILLISECONDS):
    """When frames begin as a container states it, in samples."""
    ticks = np.floor(np.array(starts) / RATE / float(time_base) + 0.5)
    return list(ticks * float(time_base) * RATE)


def starts_of(lengths, first=0):
    return list(first + np.cumsum([0, *lengths[:-1]]))


def test_frames_lie_where_they_say():
    lengths = [1024] * 5
    assert place_frames(starts_of(lengths, 300), lengths, clock()) == starts_of(lengths, 300)


@pytest.mark.parametrize("first", [1024 * 431, 1024 * 1007])
@pytest.mark.parametrize("num_frames", [4, 20, 60])
def test_rounded_times_of_a_part_lead_to_where_the_whole_track_has_it(first, num_frames):
    lengths = [1024] * num_frames
    starts = starts_of(lengths, first)
    assert place_frames(rounded(starts), lengths, clock(MILLISECONDS)) == starts


def test_whole_frames_count_from_the_end_of_a_first_one_that_was_trimmed():
    lengths = [1024] * 20
    starts = starts_of(lengths, 700 + 1024 * 431)
    whole = clock(MILLISECONDS, first_start=30.4, first_length=670)
    positions = place_frames(rounded(starts), lengths, whole)
    assert positions == starts_of(lengths, 700 + 1024 * 431)


def test_frames_of_several_lengths_need_their_common_step():
    # Vorbis: what follows shows long blocks alone, while the track began with a short one.
    lengths = [1024] * 3
    starts = starts_of(lengths, 576 + 64 * 5000 + 64)
    positions = place_frames(rounded(starts), lengths, clock(MILLISECONDS, 0.0, 576, step=64))
    assert positions == starts


def test_a_track_that_is_read_from_its_start_begins_where_it_says():
    lengths = [1024] * 20
    stated = [at + 13.0 for at in rounded(starts_of(lengths))]
    positions = place_frames(stated, lengths, clock(MILLISECONDS, first_start=13.0))
    assert positions == starts_of(lengths, 13)


def test_times_that_another_container_rounded_count_from_the_first_frame():
    # Remuxed: exact times, of which the first differs by 1 ms from where the others lead to.
    lengths = [960] * 10
    starts = [44 + at for at in starts_of(lengths, 960 * 500)]
    assert place_frames(starts, lengths, clock(first_length=960)) == starts_of(lengths, 960 * 500)


def test_packets_of_pcm_lie_where_exact_times_say():
    lengths = [418, 209, 209, 209, 209]
    stated = starts_of(lengths, 209 * 300 + 1)
    assert place_frames(stated, lengths, clock(first_length=402, step=None)) == stated


def test_a_gap_stays_and_what_follows_keeps_its_own_time():
    lengths = [1024] * 6
    starts = [*starts_of(lengths[:3]), *starts_of(lengths[3:], 8000)]
    assert place_frames(starts, lengths, clock(step=None)) == starts


def test_one_wrong_time_moves_no_frame():
    lengths = [1536] * 6
    stated = [float(at) for at in starts_of(lengths)]
    stated[3] += 1536
    assert place_frames(stated, lengths, clock()) == starts_of(lengths)


def test_frames_without_a_time_follow_the_one_before():
    lengths = [500] * 4
    assert place_frames([100.0, None, None, 1600.0], lengths, clock()) == [100, 600, 1100, 1600]
    assert place_frames([None, None], [500, 500], clock()) == [0, 500]
    assert place_frames([None, 500.0], [500, 500], clock()) == [0, 500]
    assert place_frames([], [], clock()) == []
