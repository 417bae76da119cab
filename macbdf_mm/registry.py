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


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=list(locations))


MODELS = _child(root.MODELS, "macbdf_mm.models")
DATASETS = _child(
    root.DATASETS,
    "macbdf_mm.datasets.audio_visual_forgery_dataset",
    "macbdf_mm.datasets.concat_dataset",
)
TRANSFORMS = _child(root.TRANSFORMS, "macbdf_mm.datasets.transforms")
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, "macbdf_mm.datasets.samplers")
HOOKS = _child(root.HOOKS, "macbdf_mm.engine.hooks")
METRICS = _child(root.METRICS, "macbdf_mm.evaluation.metrics")
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, "macbdf_mm.engine.optim")
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS, "macbdf_mm.engine.optim")
# MMEngine knows no such parts, so these have no parent.
FACE_DETECTORS = Registry(
    "face detector", scope=SCOPE, locations=["macbdf_mm.prepare.faces.mtcnn_detector"]
)
CONVERTERS = Registry("converter", scope=SCOPE, locations=["macbdf_mm.prepare.converters"])
SPLIT_PROTOCOLS = Registry(
    "split protocol", scope=SCOPE, locations=["macbdf_mm.prepare.splits.protocols"]
)
EXPORTERS = Registry("format to export", scope=SCOPE, locations=["macbdf_mm.apis.export_formats"])

# Nothing of ours is in these. They exist so that MMEngine's own parts resolve from our scope
# without a warning for each.
for _parent in (
    root.EVALUATOR,
    root.FUNCTIONS,
    root.INFERENCERS,
    root.LOG_PROCESSORS,
    root.LOOPS,
    root.MODEL_WRAPPERS,
    root.OPTIMIZERS,
    root.PARAM_SCHEDULERS,
    root.RUNNERS,
    root.VISBACKENDS,
    root.VISUALIZERS,
    root.WEIGHT_INITIALIZERS,
):
    _child(_parent)


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
