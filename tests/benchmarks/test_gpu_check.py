import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from benchmarks import gpu_check
from benchmarks.gpu_check import (
    STEPS,
    chosen_device,
    measure_training,
    read_tests,
    summarise,
)
from benchmarks.settings import CPU, Settings
from macbdf_mm.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
JUNIT = """<testsuites><testsuite>
<testcase classname="a" name="one"/><testcase classname="a" name="two"><skipped/></testcase>
<testcase classname="b" name="three"><failure>no</failure></testcase>
</testsuite></testsuites>"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MACBDF_DEVICE", raising=False)
    with pytest.raises(ConfigError, match=r"There is no GPU, .* with --dry-run"):
        chosen_device()
    monkeypatch.setenv("MACBDF_DEVICE", "cpu")
    assert chosen_device() == CPU


def test_tests_are_counted_and_failed_ones_named(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text(JUNIT)
    found = read_tests(tmp_path / "tests.xml")
    assert found == {"num_tests": 3, "num_skipped": 1, "failed": ["b::three"]}


def test_a_training_step_is_measured(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_check, "PEAK_OPERATIONS", 1e12)
    found = measure_training(Config.fromfile(tiny_settings.config), CPU)
    assert found["batch_size"] == 2
    for name, num_passes in (("OM-Pareto", 5), ("plain sum", 3)):
        step = found["steps"][name]
        assert step["clips_per_second"] == pytest.approx(2 / step["seconds"])
        share = num_passes * found["forward_operations"] * 2 / step["seconds"] / 1e12
        assert step["share_of_peak"] == pytest.approx(share)
        assert step["peak_memory_bytes"] is None


def test_the_summary_tells_what_failed_and_what_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MACBDF_DEVICE", "cpu")
    step = {"clips_per_second": 99.5, "share_of_peak": 0.25, "peak_memory_bytes": 2e10}
    (tmp_path / "training.json").write_text(json.dumps({"steps": {"OM-Pareto": step}}))
    (tmp_path / "study.failed").write_text("time limit of 220 s\n")
    summary = summarise(tmp_path, tmp_path)
    outcomes = {name: found["outcome"] for name, found in summary["steps"].items()}
    assert outcomes == {
        "tests": "not run", "training": "done", "benchmark": "not run",
        "study": "failed: time limit of 220 s",
    }  # fmt: skip
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    page = (tmp_path / "summary.md").read_text()
    assert "99.5 clips/s, 25.0% of an H200's peak, 20.0 GB" in page
    assert "no figure of a GPU" in page


def run_script(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("MACBDF_DEVICE", "OUT")}
    return subprocess.run(
        ["bash", "benchmarks/gpu_check.sh", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**kept, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_option_is_refused() -> None:
    done = run_script("--quick")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown option --quick" in done.stderr


def test_the_tests_of_a_run_before_are_not_read_again(tmp_path: Path) -> None:
    """Where pytest ends before it has written anything; the next command finds no file then."""
    work = tmp_path / "work" / "trial"
    work.mkdir(parents=True)
    (work / "tests.xml").write_text("<testsuites/>")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$2" = pytest ] && exit 3\n[ -f "$4" ]\n')
    python.chmod(0o755)
    done = run_script(
        tmp_path / "results", WORK=str(tmp_path / "work"), PYTHON=str(python),
        MACBDF_DEVICE="cpu", GPU_CHECK_STEP="tests",
    )  # fmt: skip
    assert done.returncode != 0


@pytest.mark.slow  # It renders, trains and tests a small study.
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_script_runs_each_step_on_the_cpu_and_resumes(tmp_path: Path) -> None:
    results, work = tmp_path / "results", str(tmp_path / "work")
    refused = run_script(results, WORK=work)
    assert refused.returncode == 3
    assert refused.stderr.startswith("error: There is no GPU")

    done = run_script("--dry-run", results, WORK=work)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((results / "trial" / "summary.json").read_text())
    assert {name: step["outcome"] for name, step in summary["steps"].items()} == dict.fromkeys(
        STEPS, "done"
    )
    (results / "trial" / "training.json").unlink()
    again = run_script("--dry-run", results, WORK=work)
    assert again.returncode == 0
    skipped = [name for name in STEPS if f"{name}: done before" in again.stdout]
    assert skipped == ["tests", "benchmark", "study"]
