import json
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.reports.run_record import read_curves, read_om_pareto_curves


def test_everything_in_the_folder_is_read(finished_run):
    run = read_run(finished_run)
    assert run.config.name == "config.py"
    assert run.checkpoint.name == "best_auc.pth"
    assert run.meta["seed"] == 0
    assert run.is_synthetic
    assert run.dataset == "tiny"
    assert len(run.train_rows) == 6
    assert set(run.rows) == {f"test_{i}.mp4" for i in range(7)}
    assert {row.extra["video_method"] for row in run.train_rows} == {None, "mouth_swap"}
    assert (run.media_root / "test_0.mp4").is_file()
    assert run.curves[1] == {"overall/auc": [(1, 0.7)]}
    assert run.versions["torch"]


def test_a_data_prefix_is_followed(finished_run):
    config = finished_run / "config.py"
    config.write_text(
        config.read_text() + "test_dataloader['dataset']['data_prefix'] = dict(file='x')"
    )
    assert read_run(finished_run).media_root.name == "x"


def test_an_untested_run_says_what_to_do(finished_run):
    (finished_run / "test_scores.jsonl").unlink()
    with pytest.raises(MissingDataError, match=r"run `macbdf test` first"):
        read_run(finished_run)


def test_a_config_without_annotation_is_refused(finished_run):
    (finished_run / "config.py").write_text("model = dict()")
    with pytest.raises(ConfigError, match=r"no `test_dataloader\.dataset\.ann_file`"):
        read_run(finished_run)


def _log(work_dir, name, *records, end=""):
    folder = work_dir / name / "vis_data"
    folder.mkdir(parents=True)
    (folder / "scalars.json").write_text("\n".join(map(json.dumps, records)) + end)


def _train(step, loss, epoch=1):
    return {"lr": 1e-3, "loss": loss, "loss_video": loss / 2, "epoch": epoch, "step": step}


def test_losses_by_iteration_and_metrics_by_epoch(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    losses, metrics = read_curves(tmp_path)
    assert losses == {"loss": [(10, 4.0)], "loss_video": [(10, 2.0)]}
    assert metrics == {"overall/auc": [(1, 0.6)]}


def test_a_resumed_run_goes_on_and_replaces_what_it_repeats(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), _train(20, 3.0, epoch=2))
    _log(tmp_path, "20260102_000000", _train(20, 2.5, epoch=2), _train(30, 2.0, epoch=3))
    assert read_curves(tmp_path)[0]["loss"] == [(10, 4.0), (20, 2.5), (30, 2.0)]


def test_a_run_that_starts_over_hides_the_old_one(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    _log(tmp_path, "20260102_000000", _train(10, 5.0))
    losses, metrics = read_curves(tmp_path)
    assert losses["loss"] == [(10, 5.0)]
    assert metrics == {}


def test_the_figures_of_a_test_are_not_a_validation(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    _log(tmp_path, "20260102_000000", {"overall/auc": 0.9, "step": 0})
    assert read_curves(tmp_path)[1] == {"overall/auc": [(1, 0.6)]}


def test_half_a_line_of_a_killed_run_is_left_out(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), end='\n{"loss": 3.0, "st')
    assert read_curves(tmp_path)[0]["loss"] == [(10, 4.0)]


def test_without_logs_all_curves_are_empty(tmp_path):
    assert read_curves(tmp_path) == ({}, {})


TOOL = Path(__file__).parents[2] / "tools" / "analysis_tools" / "plot_om_pareto.py"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_log(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def record(step, cos):
    return {"step": step, "loss": 1.0, "om_pareto/video/cos": cos, "om_pareto/video/norm_m": 2.0}


@pytest.fixture
def run(tmp_path):
    """A run that was resumed at iteration 20."""
    first = [record(10, 0.1), record(20, 0.2), {"step": 1, "overall/auc": 0.5}]
    write_log(tmp_path / "run" / "20250101_000000" / "vis_data" / "scalars.json", first)
    second = [record(20, -0.2), record(30, -0.3)]
    write_log(tmp_path / "run" / "20250102_000000" / "vis_data" / "scalars.json", second)
    return tmp_path / "run"


def test_the_parts_of_a_resumed_run_are_joined(run):
    curves = read_om_pareto_curves(run)
    assert curves == {
        "video": {
            "cos": [(10, 0.1), (20, -0.2), (30, -0.3)],
            "norm_m": [(10, 2.0), (20, 2.0), (30, 2.0)],
        }
    }


def test_one_file_is_read_alone_and_half_a_line_at_its_end_is_left_out(run):
    log = run / "20250102_000000" / "vis_data" / "scalars.json"
    with log.open("a") as file:
        file.write('{"step": 40, "om_par')
    assert read_om_pareto_curves(log)["video"]["cos"] == [(20, -0.2), (30, -0.3)]


def test_a_log_without_the_hook_is_named(tmp_path):
    log = write_log(tmp_path / "scalars.json", [{"step": 1, "loss": 2.0}])
    with pytest.raises(MissingDataError, match=r"holds no 'om_pareto/\.\.\.' values"):
        read_om_pareto_curves(log)


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="is no log and no folder with a"):
        read_om_pareto_curves(tmp_path)


def test_one_command_plots_and_explains(run, tmp_path):
    picture = tmp_path / "new" / "out.png"
    command = [sys.executable, TOOL, run, "--out", picture]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(picture)
    assert picture.read_bytes().startswith(PNG_SIGNATURE)
    command = [sys.executable, TOOL, tmp_path / "nothing", "--out", tmp_path / "none.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: '")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none.png").exists()
