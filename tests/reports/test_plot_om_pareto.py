import json
import subprocess
import sys
from pathlib import Path

import pytest

from macbdf_mm.errors import MissingDataError
from macbdf_mm.reports.plot_om_pareto import plot_om_pareto, read_om_pareto_curves

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


def test_the_picture_is_written_where_it_should_be(run, tmp_path):
    path = plot_om_pareto(run, tmp_path / "new" / "picture.png")
    assert path.read_bytes().startswith(PNG_SIGNATURE)


def test_a_log_without_the_hook_is_named(tmp_path):
    log = write_log(tmp_path / "scalars.json", [{"step": 1, "loss": 2.0}])
    with pytest.raises(MissingDataError, match=r"holds no 'om_pareto/\.\.\.' values"):
        plot_om_pareto(log, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="is no log and no folder with a"):
        read_om_pareto_curves(tmp_path)


def test_one_command_plots_and_explains(run, tmp_path):
    command = [sys.executable, TOOL, run, "--out", tmp_path / "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "out.png")
    command = [sys.executable, TOOL, tmp_path / "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: '")
    assert done.stderr.count("\n") == 1
