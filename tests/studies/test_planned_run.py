import json

import pytest
from mmengine.config import Config

from studies.planned_run import PlannedRun, plan_runs, run_folder
from studies.study_config import read_variant
from studies.variant import Variant

FINGERPRINT = {"config": "c0", "data": "d0", "code": "e0"}
FULL = Variant("full", "full", "macbdf_demo.py")


@pytest.fixture
def finished(tmp_path, make_result):
    """A run whose result is there, with the fingerprint of the plan."""
    run = planned(tmp_path, FINGERPRINT)
    run.folder.write_result(make_result(overall__auc=0.8))
    return run


def planned(work_dir, fingerprint):
    cfg = Config({"train_cfg": {"max_epochs": 2}})
    return PlannedRun(FULL, 3, run_folder(work_dir, "full", 3), cfg, fingerprint)


def test_a_result_holds_while_nothing_has_changed(finished):
    assert finished.changes() == []
    assert finished.valid_result()["final"] == {"overall/auc": 0.8}
    assert finished.label == "full, seed 3"


def test_a_run_without_a_result_has_none(tmp_path):
    run = planned(tmp_path, FINGERPRINT)
    assert run.changes() is None
    assert run.valid_result() is None


@pytest.mark.parametrize("part", ["config", "data", "code"])
def test_a_result_of_other_origin_does_not_hold(finished, tmp_path, part):
    run = planned(tmp_path, {**FINGERPRINT, part: "other"})
    assert run.changes() == [part]
    assert run.valid_result() is None
    assert (run.valid_result(accept_other_code=True) is not None) == (part == "code")


def test_other_code_and_other_data_do_not_hold_together(finished, tmp_path):
    run = planned(tmp_path, {"config": "c0", "data": "other", "code": "other"})
    assert run.valid_result(accept_other_code=True) is None


def test_preparing_puts_an_old_result_aside(finished, tmp_path):
    run = planned(tmp_path, {**FINGERPRINT, "config": "c1"})
    run.prepare()
    assert run.changes() is None
    (stale,) = (run.folder.path / "stale").iterdir()
    assert json.loads(stale.read_text())["final"] == {"overall/auc": 0.8}
    assert Config.fromfile(run.folder.config).train_cfg.max_epochs == 2


def test_runs_go_seed_by_seed_and_each_has_its_own_fingerprint(make_settings, tmp_path):
    other = Variant("other", "other", "macbdf_demo.py", {"model.head.drop_rate": 0.1})
    settings = make_settings(tmp_path / "inputs")
    variants = {each.name: (each, read_variant(each, settings)) for each in (FULL, other)}
    runs = plan_runs(variants, {"full": [1, 0], "other": [1]}, tmp_path)
    assert [run.label for run in runs] == ["full, seed 0", "full, seed 1", "other, seed 1"]
    assert len({run.fingerprint["config"] for run in runs}) == 3
    assert len({run.fingerprint["data"] for run in runs}) == 1
    assert [run.cfg.randomness.seed for run in runs] == [0, 1, 1]
    assert len({run.folder.path for run in runs}) == 3
