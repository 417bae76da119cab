"""Where the parts of a runner write, which is for those to say who start it."""

import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

# Parts that write; all others of a test read alone.
_WRITING = ("default_hooks", "custom_hooks", "val_evaluator", "test_evaluator")
# Write into the work folder by themselves, or to a server that the config names.
_LEFT_OUT = ("visualizer", "vis_backends")
# Is nothing without a file.
_DUMP = "DumpResults"
_PLACE = re.compile(r"(^|_)(dir|path|file|filename|folder|out|dump|backend|uri|url)(_|$)")


def forget_places(cfg: Config) -> None:
    """Take out of a config where its hooks, evaluators and visualizers write.

    What is left writes into the work folder. Arguments are known by their names, such as
    ``out_dir`` or ``json_trace_path``: the tests look through all registered parts.

    Args:
        cfg: Of somebody else; changed in place.
    """
    for key in _LEFT_OUT:
        cfg.pop(key, None)
    for key in _WRITING:
        if cfg.get(key) is not None:
            cfg[key] = _without_places(cfg[key])
    distribution = (cfg.get("env_cfg") or {}).get("dist_cfg")
    if isinstance(distribution, Mapping):
        # `init_method` can name a file.
        cfg.env_cfg.dist_cfg = {k: v for k, v in distribution.items() if k == "backend"}


def is_place(name: str) -> bool:
    """Return whether an argument says by its name where something is written."""
    return _PLACE.search(name) is not None


def _without_places(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _without_places(value) for k, value in node.items() if not is_place(str(k))}
    if isinstance(node, list | tuple):
        return [_without_places(item) for item in node if not _is_dump(item)]
    return node


def _is_dump(item: Any) -> bool:
    return isinstance(item, Mapping) and str(item.get("type")).rpartition(".")[2] == _DUMP
