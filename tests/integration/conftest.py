import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
TOY_FOLDER = Path(__file__).parent / "toy"
TOY_CONFIG = TOY_FOLDER / "toy_config.py"
_names = itertools.count()


@pytest.fixture
def toy_cfg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Return a maker of toy configs; options are dotted keys with dots as double underscores."""
    monkeypatch.syspath_prepend(str(TOY_FOLDER))
    torch.set_num_threads(1)

    def make(work_dir: str | Path = "run", **options) -> Config:
        cfg = Config.fromfile(str(TOY_CONFIG))
        cfg.merge_from_dict({key.replace("__", "."): value for key, value in options.items()})
        cfg.work_dir = str(tmp_path / work_dir)
        # MMEngine keeps loggers and message hubs by name, for the whole process.
        cfg.experiment_name = f"toy_{os.getpid()}_{next(_names)}"
        cfg.log_level = "ERROR"
        return cfg

    return make


@pytest.fixture
def run_tool(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Return a runner of tools of the repository: `run_tool("train", *arguments, VARIABLE=...)`."""

    def run(tool: str, *arguments: object, launcher: tuple = (), **variables: object):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(TOY_FOLDER)]),
            **{key: str(value) for key, value in variables.items()},
        }
        command = [
            sys.executable,
            *launcher,
            str(REPOSITORY / "tools" / f"{tool}.py"),
            *map(str, arguments),
        ]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )

    return run
