import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parent / "two_ranks.py"


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory):
    """Return what each of two gloo ranks saved; see two_ranks.py."""
    folder = tmp_path_factory.mktemp("om_pareto_ranks")
    outputs = [folder / f"rank{rank}.pth" for rank in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), folder / "store", output],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()  # a rank waits for ever for one that failed
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return [torch.load(output) for output in outputs]


@pytest.fixture(scope="session")
def trained_by_one_process():
    """Return the same trainings by one process on whole batches, by name."""
    script = runpy.run_path(str(SCRIPT))
    return {name: script["train"](settings) for name, settings in script["TRAININGS"].items()}
