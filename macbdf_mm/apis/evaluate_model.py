"""Test the model of a config with the weights of a checkpoint."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch.utils.data import DataLoader

from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.apis.kept_scores import keeping_scores
from macbdf_mm.apis.load_model import load_checkpoint, load_weights
from macbdf_mm.apis.score_origin import state_origin
from macbdf_mm.engine.run_options import metrics_of
from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.utils.shard import WHOLE, Shard

SCORES_FILE = "test_scores.jsonl"
_NEEDED = ("model", "test_dataloader", "test_cfg", "test_evaluator")


def evaluate_model(
    cfg: Config, checkpoint: str | Path, *, allow_pickle: bool = False, shard: Shard = WHOLE
) -> dict[str, float]:
    """Return the figures of the test set.

    A test that writes a score file keeps the scores on the way, so that it goes on where it was
    stopped: see :func:`~macbdf_mm.apis.kept_scores.keeping_scores`.

    Args:
        cfg: Config of the run, with its ``work_dir``.
        checkpoint: The weights, which must fit the model exactly.
        allow_pickle: Load a checkpoint that holds more than weights, which can run any code.
        shard: The part of the test to score. A part has no figures and no score file: the test
            without a shard takes over the scores of all.

    Raises:
        ConfigError: If the config lacks what a test needs, or parts do not belong together.
        CheckpointMismatchError: If the checkpoint belongs to another model.
        MissingDataError: If no clip of the test set has a score.
    """
    _check_needed(cfg, _NEEDED)
    # The runner would load what fits and leave the rest as it was initialised.
    cfg.load_from, cfg.resume = None, False
    weights = load_checkpoint(checkpoint, allow_pickle=allow_pickle)["state_dict"]
    runner = build_runner(cfg)
    load_weights(bare_model(runner), weights, str(checkpoint))
    refuse_nothing_to_score(runner.test_loop.dataloader, "test_dataloader")
    with keeping_scores(runner, state_origin(runner), shard):
        figures: dict[str, float] = runner.test()
    for name, value in figures.items():
        if name.rpartition("/")[2] == "coverage" and not value > 0:
            raise MissingDataError(
                "None of the clips of the test set could be read, so there are no figures; the log "
                "says why for the first of them."
            )
    return figures


def write_scores_to(cfg: Config, path: str | Path) -> None:
    """Have the scores of every video written to a score file.

    Raises:
        ConfigError: If the config does not test, or not with a ``ForgeryMetric``.
    """
    _check_needed(cfg, ["test_evaluator"])
    for metric in metrics_of(cfg.test_evaluator):
        if str(metric.get("type")).rpartition(".")[2] == "ForgeryMetric":
            metric["out_file"] = str(path)
            return
    raise ConfigError("`test_evaluator` has no ForgeryMetric, so there are no scores to write.")


def refuse_nothing_to_score(loader: DataLoader[Any], place: str) -> None:
    """Raise ConfigError for a loader of a validation or a test without clips.

    MMEngine's sampler would divide by their number.
    """
    if hasattr(loader.dataset, "__len__") and len(loader.dataset) == 0:
        raise ConfigError(
            f"The data set of `{place}` holds no clips, so there is nothing to score."
        )


def dump_predictions_to(cfg: Config, path: str | Path) -> None:
    """Have the predicted data samples pickled, as MMEngine's ``DumpResults`` does.

    Raises:
        ConfigError: If the file does not end in .pkl or .pickle.
    """
    if Path(path).suffix not in (".pkl", ".pickle"):
        raise ConfigError(f"--dump writes a pickle, so expected a path in .pkl, got '{path}'.")
    dump = {"type": "DumpResults", "out_file_path": str(path)}
    cfg.test_evaluator = [*metrics_of(cfg.test_evaluator), dump]


def _check_needed(cfg: Config, keys: Iterable[str]) -> None:
    missing = [key for key in keys if cfg.get(key) is None]
    if missing:
        raise ConfigError(f"Config '{cfg.filename}' has no `{missing[0]}`, so it cannot test.")
