import sys

import numpy as np
import pytest

from benchmarks.peak_memory import peak_so_far_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_the_peak_rises_with_what_is_used_and_stays() -> None:
    before = peak_so_far_bytes("")
    assert np.ones(before + 10**7, np.uint8).all()
    after = peak_so_far_bytes("")
    assert after > before + 10**6
    assert peak_so_far_bytes("") >= after
