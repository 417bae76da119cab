"""What needs no run; testing itself is tested in tests/integration."""

import pytest
from mmengine.config import Config
from torch.utils.data import DataLoader

from macbdf_mm.apis.evaluate_model import (
    dump_predictions_to,
    evaluate_model,
    refuse_nothing_to_score,
    write_scores_to,
)
from macbdf_mm.errors import ConfigError, MissingDataError


def test_config_that_cannot_test():
    with pytest.raises(ConfigError, match="has no `test_dataloader`, so it cannot test"):
        evaluate_model(Config({"model": {}}), "weights.pth")


def test_missing_checkpoint(tmp_path):
    keys = ("model", "test_dataloader", "test_cfg", "test_evaluator")
    with pytest.raises(MissingDataError, match="does not exist"):
        evaluate_model(Config({key: {} for key in keys}), tmp_path / "gone.pth")


def test_results_go_to_the_forgery_metric():
    metrics = [{"type": "Other"}, {"type": "macbdf_mm.ForgeryMetric"}]
    cfg = Config({"test_evaluator": metrics})
    write_scores_to(cfg, "scores.jsonl")
    assert [metric.get("out_file") for metric in cfg.test_evaluator] == [None, "scores.jsonl"]


def test_results_without_a_forgery_metric():
    with pytest.raises(ConfigError, match="has no ForgeryMetric"):
        write_scores_to(Config({"test_evaluator": {"type": "Other"}}), "scores.jsonl")


def test_results_of_a_config_without_a_test():
    with pytest.raises(ConfigError, match="has no `test_evaluator`, so it cannot test"):
        write_scores_to(Config({"test_evaluator": None}), "scores.jsonl")


def test_a_data_set_without_clips_is_refused():
    """MMEngine's sampler would divide by their number."""
    with pytest.raises(ConfigError, match="data set of `val_dataloader` holds no clips"):
        refuse_nothing_to_score(DataLoader([]), "val_dataloader")
    refuse_nothing_to_score(DataLoader([1]), "val_dataloader")


def test_dump_is_added_to_the_metrics():
    cfg = Config({"test_evaluator": {"type": "ForgeryMetric"}})
    dump_predictions_to(cfg, "out.pkl")
    assert [metric.type for metric in cfg.test_evaluator] == ["ForgeryMetric", "DumpResults"]
    assert cfg.test_evaluator[1].out_file_path == "out.pkl"


def test_dump_is_a_pickle():
    with pytest.raises(ConfigError, match=r"expected a path in \.pkl, got 'out\.json'"):
        dump_predictions_to(Config({"test_evaluator": {}}), "out.json")
