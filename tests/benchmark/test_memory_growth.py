from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.benchmark import memory_growth as module
from macbdf_mm.benchmark.filmed_clip import write_filmed_clip
from macbdf_mm.benchmark.memory_growth import _read_clips, measure_growth


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    write_filmed_clip(path, 3.0, (64, 96), 0)
    return path


def test_both_readers_are_measured_with_progress(clip: Path) -> None:
    seen = []
    rows = list(measure_growth(clip, 8, 0, lambda what, done, total: seen.append((done, total))))
    assert [row.goal for row in rows] == ["memory_growth", None]
    assert rows[0].peer_value == module.ALLOWANCE_KB
    assert rows[0].value == rows[1].value
    assert rows[0].ratio == pytest.approx(rows[0].value / module.ALLOWANCE_KB)
    assert all(row.num_rounds == 4 and row.unit == "kB" for row in rows)
    assert seen == [(done, 38) for done in (0, 30, 32, 34, 36, 38)] * 2


def test_what_stays_is_seen(clip: Path) -> None:
    _read_clips("own", clip, 3, 0)
    before = _read_clips("own", clip, 1, 0)
    kept = np.ones(5_000_000)
    after = _read_clips("own", clip, 1, 0)
    assert after - before == pytest.approx(kept.nbytes / 1000, rel=0.25)


def test_a_system_that_does_not_tell_is_named(
    clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_STATM", tmp_path / "none")
    with pytest.raises(module.NotMeasuredError, match="only Linux tells the resident memory"):
        list(measure_growth(clip, 8, 0, lambda *_: None))
