"""The data set of a loader of a config, to be looked at without a runner."""

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import DATASETS, SCOPE, build_part


def build_dataset(cfg: Config, part: str, changes: Mapping[str, Any]) -> Any:
    """Return the data set of a loader, its annotation read.

    Args:
        cfg: The config.
        part: ``train``, ``val`` or ``test``: whose loader.
        changes: Arguments of the data set to override, or of all data sets inside of it.

    Raises:
        ConfigError: If the config has none.
        MissingDataError: If the annotation, the split or files are not there.
    """
    options = (cfg.get(f"{part}_dataloader") or {}).get("dataset")
    if not options:
        raise ConfigError(
            f"Config '{cfg.filename}' has no `{part}_dataloader.dataset`, so there is nothing to "
            "show."
        )
    options = copy.deepcopy(options)
    _change(options, changes)
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", SCOPE)):
        dataset = build_part(DATASETS, options)
        dataset.full_init()
    return dataset


def _change(options: Any, changes: Mapping[str, Any]) -> None:
    if "ann_file" in options:
        options.update(changes)
    for nested in [options.get("dataset"), *(options.get("datasets") or ())]:
        if isinstance(nested, Mapping):
            _change(nested, changes)
