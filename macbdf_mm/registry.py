"""The registries of this package: children of MMEngine's, with a scope of their own.

They are children of MMEngine's root registries rather than of mmaction2's, so that any
project's scope sees them as ``macbdf_mm.Name`` and importing them never needs mmcv. The
``locations`` are imported when something is first looked up, not on import of the package.
"""

from collections.abc import Mapping
from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry

SCOPE = "macbdf_mm"

MODELS = Registry("model", parent=root.MODELS, scope=SCOPE, locations=["macbdf_mm.models"])
DATASETS = Registry("dataset", parent=root.DATASETS, scope=SCOPE, locations=["macbdf_mm.datasets"])
TRANSFORMS = Registry(
    "transform",
    parent=root.TRANSFORMS,
    scope=SCOPE,
    locations=["macbdf_mm.datasets.transforms"],
)
DATA_SAMPLERS = Registry(
    "data sampler",
    parent=root.DATA_SAMPLERS,
    scope=SCOPE,
    locations=["macbdf_mm.datasets"],
)
HOOKS = Registry("hook", parent=root.HOOKS, scope=SCOPE, locations=["macbdf_mm.engine.hooks"])
METRICS = Registry(
    "metric",
    parent=root.METRICS,
    scope=SCOPE,
    locations=["macbdf_mm.evaluation.metrics"],
)


def build_part(registry: Registry, cfg: Mapping[str, Any] | Any, **defaults: Any) -> Any:
    """Return the part that ``cfg`` names, looked up in this package first.

    A prefix in ``type`` does not switch MMEngine's scope for the dicts nested inside it, so
    inside another project (``default_scope='mmaction'``) a container of ours would not find
    its own children by their bare names. Bare names that are registered here get
    ``_scope_='macbdf_mm'``; everything else is resolved as MMEngine does.

    Args:
        registry: One of the registries of this module.
        cfg: A config with the key ``type``, or an already built part, which is returned.
        **defaults: Arguments used where ``cfg`` does not state them.
    """
    if not isinstance(cfg, Mapping):
        return cfg
    cfg = {**defaults, **cfg}
    name = cfg.get("type")
    if isinstance(name, str) and "." not in name and "_scope_" not in cfg:
        registry.import_from_location()
        if name in registry.module_dict:
            cfg["_scope_"] = SCOPE
    return registry.build(cfg)
