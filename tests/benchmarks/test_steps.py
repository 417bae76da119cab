from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from benchmarks.rows import NotMeasuredError
from benchmarks.settings import Settings
from benchmarks.steps import measure_checkpointing, measure_om_pareto, measure_step


def test_step_answers_time_and_memory(tiny_settings: Settings) -> None:
    rows = list(measure_step(tiny_settings))
    assert [row.goal for row in rows] == ["step", "step_explicit", None, "step_memory"]
    assert {row.setting for row in rows} == {"B=1, 16 frames of 32x32"}
    assert [row.unit for row in rows] == ["ms"] * 3 + ["MB"]
    assert rows[0].num_rounds == 1


@pytest.mark.slow
def test_checkpointing_pays_memory_with_time(tiny_settings: Settings) -> None:
    time, memory = measure_checkpointing(replace(tiny_settings, is_quick=False))
    assert (time.what, time.peer) == ("training step with with_cp", "without")
    assert time.is_cost
    # Each block runs forward twice.
    assert time.value > time.peer_value
    assert memory.unit == "MB"


def test_a_quick_run_leaves_checkpointing_out(tiny_settings: Settings) -> None:
    with pytest.raises(NotMeasuredError, match="left out of a quick run"):
        next(measure_checkpointing(tiny_settings))


@pytest.mark.slow
def test_om_pareto_is_a_cost_over_the_plain_step(tiny_settings: Settings) -> None:
    time, memory = measure_om_pareto(tiny_settings)
    assert (time.goal, memory.goal) == ("om_pareto", "om_pareto_memory")
    assert time.is_cost
    assert memory.is_cost
    # Two backward passes in place of one.
    assert time.value > time.peer_value


def test_a_config_without_om_pareto_has_no_such_figure(
    tiny_settings: Settings, tmp_path: Path
) -> None:
    cfg = Config.fromfile(tiny_settings.config)
    cfg.optim_wrapper = dict(type="OptimWrapper", optimizer=cfg.optim_wrapper.optimizer)
    path = tmp_path / "plain.py"
    cfg.dump(str(path))
    with pytest.raises(NotMeasuredError, match="trains with OptimWrapper, not OM-Pareto"):
        next(measure_om_pareto(Settings(path, is_quick=True)))
