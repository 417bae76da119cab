"""Train and test one run of a study, in a process of its own: ``python -m ... FOLDER``."""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.apis.evaluate_model import write_results_to
from macbdf_mm.apis.load_model import load_checkpoint, load_weights
from macbdf_mm.apis.train_model import weight_digest
from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import MissingDataError
from macbdf_mm.utils.environment import hardware, package_versions
from studies.epoch_record_hook import EpochRecordHook
from studies.fingerprint import run_fingerprint
from studies.run_folder import RunFolder

SCORES_FILE = "test_scores.json"


def train_run(folder: RunFolder) -> dict[str, Any]:
    """Return the result of the run whose config lies in a folder.

    It computes on one thread, so that as many runs as there are cores go side by side, and
    the same seed gives the same result whatever else the machine does.

    Returns:
        ``epochs`` (see :class:`EpochRecordHook`), ``final`` (all figures of the test split),
        ``seconds``, ``cpu_seconds`` and ``train_seconds``, ``peak_memory_mib``,
        ``num_parameters``, ``weights_sha256``, ``hardware``, ``versions`` and ``fingerprint``.
    """
    torch.set_num_threads(1)
    begin = time.monotonic()
    cfg = Config.fromfile(str(folder.config))
    # Before the run: building a runner writes into its config.
    fingerprint = run_fingerprint(cfg)
    cfg.work_dir = str(folder.training)
    cfg.experiment_name = f"study_{fingerprint['config']}"
    recorder = EpochRecordHook()
    runner = Runner.from_cfg(cfg)
    runner.register_hook(recorder)
    runner.train()
    model = bare_model(runner)
    digest = weight_digest(model)
    train_seconds = time.monotonic() - begin
    final = evaluate_finally(cfg, folder)
    return {
        "epochs": recorder.records,
        "final": final,
        "seconds": time.monotonic() - begin,
        "train_seconds": train_seconds,
        "cpu_seconds": time.process_time(),
        # Linux counts in KiB.
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "weights_sha256": digest,
        "hardware": hardware(),
        "versions": package_versions(),
        "fingerprint": fingerprint,
    }


def evaluate_finally(cfg: Config, folder: RunFolder) -> dict[str, float]:
    """Return all figures of the test split, with the windows of the variant's own config.

    The thresholds are fitted on the validation split, on as many windows.

    Raises:
        MissingDataError: If training has left no checkpoint.
    """
    path = last_checkpoint(folder.training)
    if path is None:
        raise MissingDataError(f"{folder.training} has no checkpoint, so nothing can be tested.")
    cfg = cfg.copy()
    cfg.merge_from_dict(cfg.final_evaluation.to_dict())
    cfg.experiment_name = f"{cfg.experiment_name}_final"
    write_results_to(cfg, folder.path / SCORES_FILE)
    runner = Runner.from_cfg(cfg)
    load_weights(bare_model(runner), load_checkpoint(path)["state_dict"], path)
    runner.val()
    figures: dict[str, float] = runner.test()
    return {name: float(value) for name, value in figures.items()}


def main() -> None:
    """Train the run of the folder on the command line, and write its result there."""
    folder = RunFolder(Path(sys.argv[1]))
    folder.write_result(train_run(folder))


if __name__ == "__main__":
    sys.exit(run_command(main))
