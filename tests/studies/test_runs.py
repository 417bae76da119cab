import json
import math
import subprocess
import sys

import pytest
from mmengine.config import Config

from macbdf_mm.utils.files import write_json
from studies import runs as module
from studies.runs import (
    CONFIG_FILE,
    RESULT_FILE,
    TRAINING_FOLDER,
    PlannedRun,
    last_words,
    plan_runs,
    read_result,
    run_all,
    run_folder,
    time_left,
    without_nan,
)
from studies.study import Variant
from studies.study_config import read_variant


def test_a_run_without_a_result_file_has_none(tmp_path):
    assert read_result(tmp_path / "run") is None


def test_what_is_not_a_number_is_null():
    values = {"final": {"auc": math.nan, "acc": 0.5}, "epochs": [{"x": math.inf}]}
    assert without_nan(values) == {"final": {"auc": None, "acc": 0.5}, "epochs": [{"x": None}]}


def test_plain_values_stay():
    assert without_nan({"a": (1, "b", None, True)}) == {"a": [1, "b", None, True]}


def test_last_words_are_the_last_line_that_says_something(tmp_path):
    log = tmp_path / "log.txt"
    assert last_words(log) == "nothing was printed"
    log.write_text("\n\n")
    assert last_words(log) == "nothing was printed"
    log.write_bytes(b"first\nerror: no such part\xff\n\n")
    assert last_words(log) == "error: no such part\N{REPLACEMENT CHARACTER}"


FINGERPRINT = {"config": "c0", "data": "d0", "code": "e0"}
FULL = Variant("full", "full", "macbdf_demo.py")


@pytest.fixture
def finished(tmp_path, make_result):
    """A run whose result is there, with the fingerprint of the plan."""
    run = planned(tmp_path, FINGERPRINT)
    write_json(make_result(overall__auc=0.8), run.folder / RESULT_FILE)
    return run


def planned(work_dir, fingerprint, seed=3):
    cfg = Config({"train_cfg": {"max_epochs": 2}})
    return PlannedRun("full", seed, run_folder(work_dir, "full", seed), cfg, fingerprint)


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


def test_preparing_puts_an_old_result_aside_and_says_so(finished, tmp_path, capsys):
    run = planned(tmp_path, {**FINGERPRINT, "config": "c1"})
    run.prepare()
    assert capsys.readouterr().out == (
        "full, seed 3: config changed since its result; it is trained again, and the old result "
        "is put aside\n"
    )
    assert run.changes() is None
    (stale,) = (run.folder / "stale").iterdir()
    assert json.loads(stale.read_text())["final"] == {"overall/auc": 0.8}
    assert Config.fromfile(run.folder / CONFIG_FILE).train_cfg.max_epochs == 2


def test_runs_go_seed_by_seed_and_each_has_its_own_fingerprint(make_settings, tmp_path):
    other = Variant("other", "other", "macbdf_demo.py", {"model.head.drop_rate": 0.1})
    settings = make_settings(tmp_path / "inputs")
    variants = {each.name: read_variant(each, settings) for each in (FULL, other)}
    runs = plan_runs(variants, {"full": [1, 0], "other": [1]}, tmp_path)
    assert [run.label for run in runs] == ["full, seed 0", "full, seed 1", "other, seed 1"]
    assert len({run.fingerprint["config"] for run in runs}) == 3
    assert len({run.fingerprint["data"] for run in runs}) == 1
    assert [run.cfg.randomness.seed for run in runs] == [0, 1, 1]
    assert len({run.folder for run in runs}) == 3


def test_a_run_that_cannot_begin_is_named_with_its_last_words(tmp_path, capsys):
    run = planned(tmp_path, FINGERPRINT)
    training = run.folder / TRAINING_FOLDER
    training.mkdir(parents=True)
    (training / "old.pth").write_text("of an attempt that was killed")
    assert run_all([run], 1) == [run]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "full, seed 3: begins"
    assert lines[1].startswith(
        "[1/1] full, seed 3: FAILED with exit code 1: error: No such file or folder:"
    )
    assert lines[1].endswith(f"(all of it in {run.folder / 'log.txt'})")
    assert not training.exists()


def test_the_running_ones_are_stopped_when_this_process_is_interrupted(tmp_path, monkeypatch):
    started = []

    def start(folder, inherited):
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        started.append(subprocess.Popen(command))
        return started[-1]

    def interrupt(line):
        if line == "full, seed 2: begins":
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_start", start)
    monkeypatch.setattr(module, "tell", interrupt)
    runs = [planned(tmp_path, FINGERPRINT, seed) for seed in range(3)]
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, 3)
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_the_time_left_counts_running_ones_half_and_divides_by_the_jobs():
    # 4 wait and 2 run: (4 + 1) * 120 s on two cores are 5 minutes.
    words = time_left([100.0, 140.0], num_waiting=4, num_running=2, num_jobs=2)
    assert words == "; about 5 min left for 6 runs"
    assert time_left([], 4, 2, 2) == ""
    assert time_left([100.0], 0, 0, 2) == ""


def test_jobs_must_be_positive():
    with pytest.raises(ValueError, match="Expected `num_jobs` > 0, got 0"):
        run_all([], 0)


def test_nothing_to_run_is_no_failure():
    assert run_all([], 1) == []
