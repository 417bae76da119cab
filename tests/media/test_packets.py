from fractions import Fraction

import av
import pytest

from macbdf_mm.media.packets import length_of, to_seconds


def test_unknown_times_are_none():
    assert to_seconds(None, None) is None
    assert to_seconds(3, None) is None


@pytest.mark.parametrize(
    ("ticks", "seconds"), [(0, 0.0), (500, 0.5), (2**32 - 374, 0.0), (2**31 - 1, 2147483.647)]
)
def test_how_long_a_packet_lasts(ticks, seconds):
    packet = av.Packet(b"1")
    packet.duration, packet.time_base = ticks, Fraction(1, 1000)
    assert length_of(packet) == seconds
