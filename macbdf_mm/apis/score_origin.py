"""What made a score file: weights, data, config, versions and command, by their digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.engine.unwrap import bare_model, nested_datasets
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.utils.environment import command_line, package_versions

# What the scores depend on. Folders and logs of the run do not count.
_PARTS = ("model", "test_dataloader", "data_preprocessor", "custom_imports")


def state_origin(runner: Runner) -> dict[str, Any] | None:
    """Tell the metrics of a runner's test what the scores that they write are made by.

    Args:
        runner: Its model has the weights that are tested.

    Returns:
        The :func:`score_origin`; None if no metric writes scores.
    """
    metrics = [m for m in runner.test_loop.evaluator.metrics if isinstance(m, ForgeryMetric)]
    if all(metric.out_file is None for metric in metrics):
        return None
    origin = score_origin(runner)
    for metric in metrics:
        metric.origin = origin
    return origin


def score_origin(runner: Runner) -> dict[str, Any]:
    """Return what the scores of a runner's test are made by, as plain values.

    Returns:
        ``synthetic``, whether an annotation says that clips are rendered, None if none says
        anything; ``weights_sha256`` of the model's weights and buffers; ``annotations``, path ->
        SHA-256; ``split_sha256`` of the data sets, files and windows that are tested;
        ``config_sha256`` of model and test data; ``command``; ``versions``.
    """
    nested = nested_datasets(runner.test_loop.dataloader.dataset)
    datasets = [dataset for dataset in nested if isinstance(dataset, BaseDataset)]
    parts = {name: runner.cfg.get(name) for name in _PARTS}
    text = json.dumps(parts, sort_keys=True, default=str)
    known = [bool(d.metainfo["synthetic"]) for d in datasets if "synthetic" in d.metainfo]
    return {
        "synthetic": any(known) if known else None,
        "weights_sha256": weight_digest(bare_model(runner)),
        "annotations": {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for dataset in datasets
            if dataset.ann_file and (path := Path(dataset.ann_file)).is_file()
        },
        "split_sha256": _split_digest(datasets),
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "command": command_line(),
        "versions": package_versions(),
    }


def _split_digest(datasets: list[BaseDataset]) -> str:
    digest = hashlib.sha256()
    for dataset in datasets:
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            names = [info.get(key) for key in ("dataset_name", "file", "window_index")]
            digest.update(json.dumps(names).encode() + b"\n")
    return digest.hexdigest()
