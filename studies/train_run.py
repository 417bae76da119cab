"""Train and test one run of a study, in a process of its own: ``python -m ... FOLDER``."""

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.apis.command_line import run_command
from macbdf_mm.apis.evaluate_model import write_scores_to
from macbdf_mm.apis.load_model import load_checkpoint, load_weights
from macbdf_mm.apis.refuse_leaks import refuse_leaks
from macbdf_mm.apis.score_origin import state_origin
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import MissingDataError
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.environment import hardware, package_versions
from macbdf_mm.utils.files import write_json
from studies.clip_scores import SCORES_FILE, further_scores_file
from studies.encoders import check_start
from studies.executed_code import files_digest, scoring_files
from studies.fingerprint import run_fingerprint
from studies.runs import CONFIG_FILE, RESULT_FILE, TRAINING_FOLDER, without_nan

_MEASURES = ("auc", "acc", "balanced_acc", "threshold")
# What OMParetoLogHook logs; at an interval of one iteration each value is of its own step.
_LOGGED = "train/om_pareto/"


def train_run(folder: Path) -> dict[str, Any]:
    """Return the result of the run whose config lies in a folder.

    It computes on one thread, so that as many runs as there are cores go side by side, and
    the same seed gives the same result whatever else the machine does.

    Returns:
        ``epochs`` (see :class:`EpochRecordHook`), ``final`` (all figures of the test split),
        ``seconds``, ``cpu_seconds`` and ``train_seconds``, ``peak_memory_mib``,
        ``num_parameters``, ``weights_sha256``, ``hardware``, ``versions``, ``fingerprint`` and
        ``scoring`` (digest of the code that computed the figures).
    """
    torch.set_num_threads(1)
    begin = time.monotonic()
    cfg = Config.fromfile(str(folder / CONFIG_FILE))
    # Before the run: building a runner writes into its config.
    fingerprint = run_fingerprint(cfg)
    cfg.work_dir = str(folder / TRAINING_FOLDER)
    cfg.experiment_name = f"study_{fingerprint['config']}"
    refuse_leaks(cfg)
    recorder = EpochRecordHook()
    start = dict(cfg.model)  # Building takes parts of the config away.
    runner = build_runner(cfg)
    runner.register_hook(recorder)
    runner.register_hook(_StartHook(start))
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
        "scoring": files_digest(scoring_files()),
    }


def evaluate_finally(cfg: Config, folder: Path) -> dict[str, float]:
    """Return all figures of the test split, with the windows of the variant's own config.

    The thresholds are fitted on the validation split, on as many windows.

    Raises:
        MissingDataError: If training has left no checkpoint.
    """
    path = last_checkpoint(folder / TRAINING_FOLDER)
    if path is None:
        raise MissingDataError(f"{folder} has no checkpoint, so nothing can be tested.")
    weights = load_checkpoint(path)["state_dict"]
    final = _tester(cfg, cfg.final_evaluation.to_dict(), "final", folder / SCORES_FILE)
    load_weights(bare_model(final), weights, path)
    final.val()
    state_origin(final)
    figures: dict[str, float] = final.test()
    for name, loader in cfg.further_tests.items():
        scores = folder / further_scores_file(name)
        further = _tester(cfg, {"test_dataloader": loader.to_dict()}, name, scores)
        load_weights(bare_model(further), weights, path)
        state_origin(further)
        further.test()
    return {name: float(value) for name, value in figures.items()}


def _tester(cfg: Config, changes: dict[str, Any], name: str, scores: Path) -> Runner:
    """Return a runner of a config with changes, which writes the test clips' scores to a file."""
    cfg = cfg.copy()
    for key, value in changes.items():
        cfg[key] = value
    cfg.experiment_name = f"{cfg.experiment_name}_{name}"
    write_scores_to(cfg, scores)
    return build_runner(cfg)


class _StartHook(Hook):
    """Checks that the encoders start from the weights that the config names."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model

    def before_train(self, runner: Runner) -> None:
        """Compare the model's weights, which were initialised by now."""
        check_start(bare_model(runner), self._model)


class EpochRecordHook(Hook):
    """Keeps means of the losses, and tests after each validation.

    The test uses the thresholds that the validation of the same epoch has chosen. Nothing is
    chosen by its figures; they are only recorded.

    Attributes:
        records: One entry an epoch: ``epoch`` from 1, ``losses`` (means over the epoch's
            iterations of all that the model reports), ``om_pareto`` (means of what
            ``OMParetoLogHook`` logs of a step, such as ``video/cos``; empty without it), and
            where the epoch was validated ``val`` and ``test`` (AUC, accuracies and threshold by
            track).
    """

    # After the hooks that store thresholds and that log.
    priority = "LOWEST"

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._losses: dict[str, list[float]] = defaultdict(list)
        self._logged: dict[str, list[float]] = defaultdict(list)

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the iterations of the epoch before."""
        self._losses.clear()
        self._logged.clear()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the losses of an iteration, and what was logged of its step."""
        for name, value in (outputs or {}).items():
            self._losses[name].append(torch.as_tensor(value).item())
        for key, buffer in runner.message_hub.log_scalars.items():
            if key.startswith(_LOGGED):
                self._logged[key.removeprefix(_LOGGED)].append(float(buffer.current()))

    def after_train_epoch(self, runner: Runner) -> None:
        """Keep what the epoch was like."""
        losses, logged = _means(self._losses), _means(self._logged)
        # The loop counts the epoch after the hooks of its end.
        self.records.append({"epoch": runner.epoch + 1, "losses": losses, "om_pareto": logged})

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Test, and keep the figures of both."""
        tested = runner.test_loop.run()
        self.records[-1] |= {"val": track_figures(metrics or {}), "test": track_figures(tested)}


def _means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: sum(numbers) / len(numbers) for name, numbers in values.items()}


def track_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """Return AUC, accuracies and threshold of the three tracks, keys like ``overall/auc``."""
    wanted = [f"{track}/{measure}" for track in TRACKS for measure in _MEASURES]
    return {key: float(figures[key]) for key in wanted if key in figures}


def main() -> None:
    """Train the run of the folder on the command line, and write its result there."""
    folder = Path(sys.argv[1])
    write_json(without_nan(train_run(folder)), folder / RESULT_FILE)


if __name__ == "__main__":
    sys.exit(run_command(main))
