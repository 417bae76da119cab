from pathlib import Path

import pytest

from benchmarks import run_benchmarks as module
from benchmarks.rows import make_row
from benchmarks.run_benchmarks import BENCHMARKS, GOALS, run_benchmarks
from benchmarks.settings import Settings
from macbdf_mm.errors import MissingDataError


@pytest.fixture
def two_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(settings):
        yield make_row("other", "", "stock", (1.0,), (2.0,))

    monkeypatch.setattr(module, "BENCHMARKS", {"blocks": None, "other": measure})


def test_every_goal_belongs_to_a_benchmark() -> None:
    assert {goal.benchmark for goal in GOALS} <= set(BENCHMARKS)


@pytest.mark.usefixtures("two_benchmarks")
def test_only_some_can_be_asked_for(tiny_settings: Settings, tmp_path: Path) -> None:
    report = run_benchmarks(tiny_settings, ["other"], tmp_path)
    assert [row.what for row in report.rows] == ["other"]


def test_an_unknown_name_is_refused(tiny_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`names` \(--only\) out of .*, got \['nothing'\]"):
        run_benchmarks(tiny_settings, ["nothing", "blocks"], tmp_path)


@pytest.mark.usefixtures("two_benchmarks")
def test_a_missing_config_shows_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"nowhere\.py"):
        run_benchmarks(Settings(tmp_path / "nowhere.py"), ["other"], tmp_path)
