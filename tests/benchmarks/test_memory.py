import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import memory as module
from benchmarks.filmed_clip import write_filmed_clip
from benchmarks.memory import measure_growth, peak_bytes
from benchmarks.rows import NotMeasuredError

MEGABYTE = 1 << 20


def use(megabytes: int) -> None:
    torch.ones(megabytes * MEGABYTE, dtype=torch.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_peak_is_of_this_call_alone() -> None:
    use(200)  # an earlier, higher peak
    for megabytes in (100, 20):
        peak = peak_bytes(lambda megabytes=megabytes: use(megabytes))
        # The process itself needs some pages, too.
        assert megabytes * MEGABYTE * 0.9 < peak < (megabytes + 10) * MEGABYTE


def test_other_systems_say_why_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with pytest.raises(NotMeasuredError, match="only Linux tells"):
        peak_bytes(lambda: None)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    write_filmed_clip(path, 3.0, (64, 96), 0)
    return path


def test_both_readers_are_measured_with_progress(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(measure_growth(clip, 8, 0))
    assert [row.goal for row in rows] == ["memory_growth", None]
    assert rows[0].peer_value == module.ALLOWANCE_KB
    assert rows[0].value == rows[1].value
    assert rows[0].ratio == pytest.approx(rows[0].value / module.ALLOWANCE_KB)
    assert all(row.num_rounds == 4 and row.unit == "kB" for row in rows)
    shown = capsys.readouterr().err
    # On a slow machine there is a line a while, beside those of the rounds.
    assert {line.split(",")[0] for line in shown.splitlines()} == {"memory growth"}
    assert len(shown.splitlines()) >= 4
    for reader in ("own", "decord"):
        assert f"memory growth, {reader}: 0/38 clips" in shown
        assert f"memory growth, {reader}: 38/38 clips" in shown


def test_what_stays_is_seen(clip: Path) -> None:
    # In a new process, which has no freed memory of other tests to take it from.
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from benchmarks.memory import _read_clips as read;"
        "clip = Path(sys.argv[1]); read('own', clip, 3, 0);"
        "before = read('own', clip, 1, 0); kept = np.ones(5_000_000);"
        "print(read('own', clip, 1, 0) - before)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(40_000, rel=0.25)


def test_a_system_that_does_not_tell_is_named(
    clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_STATUS", tmp_path / "none")
    with pytest.raises(module.NotMeasuredError, match="only Linux tells the resident memory"):
        list(measure_growth(clip, 8, 0))
