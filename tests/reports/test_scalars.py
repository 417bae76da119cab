import json

from macbdf_mm.reports.scalars import read_curves


def _log(work_dir, name, *records, end=""):
    folder = work_dir / name / "vis_data"
    folder.mkdir(parents=True)
    (folder / "scalars.json").write_text("\n".join(map(json.dumps, records)) + end)


def _train(step, loss, epoch=1):
    return {"lr": 1e-3, "loss": loss, "loss_video": loss / 2, "epoch": epoch, "step": step}


def test_losses_by_iteration_and_metrics_by_epoch(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    curves = read_curves(tmp_path)
    assert curves.losses == {"loss": [(10, 4.0)], "loss_video": [(10, 2.0)]}
    assert curves.metrics == {"overall/auc": [(1, 0.6)]}


def test_a_resumed_run_goes_on_and_replaces_what_it_repeats(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), _train(20, 3.0, epoch=2))
    _log(tmp_path, "20260102_000000", _train(20, 2.5, epoch=2), _train(30, 2.0, epoch=3))
    assert read_curves(tmp_path).losses["loss"] == [(10, 4.0), (20, 2.5), (30, 2.0)]


def test_a_run_that_starts_over_hides_the_old_one(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    _log(tmp_path, "20260102_000000", _train(10, 5.0))
    curves = read_curves(tmp_path)
    assert curves.losses["loss"] == [(10, 5.0)]
    assert curves.metrics == {}


def test_the_figures_of_a_test_are_not_a_validation(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), {"overall/auc": 0.6, "step": 1})
    _log(tmp_path, "20260102_000000", {"overall/auc": 0.9, "step": 0})
    assert read_curves(tmp_path).metrics == {"overall/auc": [(1, 0.6)]}


def test_half_a_line_of_a_killed_run_is_left_out(tmp_path):
    _log(tmp_path, "20260101_000000", _train(10, 4.0), end='\n{"loss": 3.0, "st')
    assert read_curves(tmp_path).losses["loss"] == [(10, 4.0)]


def test_without_logs_all_curves_are_empty(tmp_path):
    curves = read_curves(tmp_path)
    assert curves.losses == curves.metrics == {}
