"""Looking, before training, whether what is trained on is validated or tested on as well."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from macbdf_mm.datasets.annotation import Annotation, load_annotation
from macbdf_mm.datasets.source_leaks import SourceLeak, refuse_source_leaks, source_key

_DATASET = "AudioVisualForgeryDataset"


def refuse_leaks(cfg: Config) -> None:
    """Return if no recording that is trained on is in the data for validation or testing.

    A data set looks at the parts of its own annotation; here several annotations of the same
    files are compared, and a training set that takes all parts of one. Data sets of another type,
    and annotations for validation and testing that are not there, are left out.

    Args:
        cfg: Config of a training run.

    Raises:
        ConfigError: If there is a leak that ``allow_leak`` of the training set does not name.
        MissingDataError: If the annotation to train on is not there.
        AnnotationError: If an annotation breaks the format.
    """
    loaded: dict[str, Annotation] = {}
    parts = {
        part: list(_data_sets(cfg.get(f"{part}_dataloader"))) for part in ("train", "val", "test")
    }
    for train in parts["train"]:
        path = _annotation_path(train)
        trained = _recordings(train, loaded)
        for part in ("val", "test"):
            for other in parts[part]:
                if not os.path.isfile(_annotation_path(other)):
                    continue
                leaks = [
                    SourceLeak(key, (trained[key], file), ("train", part))
                    for key, file in _recordings(other, loaded).items()
                    if key in trained
                ]
                place = " and ".join(dict.fromkeys((path, _annotation_path(other))))
                refuse_source_leaks(leaks, loaded[path].metainfo, place, train.get("allow_leak"))


def _data_sets(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the configs of our data sets, also those inside of wrappers, lists and pipelines."""
    if isinstance(node, Mapping):
        if str(node.get("type")).rpartition(".")[2] == _DATASET and node.get("ann_file"):
            yield node
        # Transforms can have data sets of their own: the donors of ForgeRealClip.
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            yield from _data_sets(child)


def _annotation_path(data_set: Mapping[str, Any]) -> str:
    return os.path.join(data_set.get("data_root") or "", data_set["ann_file"])


def _recordings(data_set: Mapping[str, Any], loaded: dict[str, Annotation]) -> dict[str, str]:
    """Return recording -> one of its clips, for the clips that a data set takes, as paths."""
    path = _annotation_path(data_set)
    if path not in loaded:
        options = (bool(data_set.get(key)) for key in ("allow_outside_root", "face_crops"))
        loaded[path] = load_annotation(path, *options)
    prefix = (data_set.get("data_prefix") or {}).get("file", "")
    # Resolved, so that no folder has two names.
    folder = os.path.realpath(os.path.join(data_set.get("data_root") or "", prefix))
    split = data_set.get("split")
    found: dict[str, str] = {}
    for row in loaded[path].rows:
        if split is None or row.split == split:
            found.setdefault(os.path.normpath(os.path.join(folder, source_key(row))), row.file)
    return found
