import subprocess
import sys
from pathlib import Path

import pytest
from mmengine import registry as root
from mmengine.config import Config
from mmengine.registry import DefaultScope

from macbdf_mm import registry
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.models import MSTLKABackbone
from macbdf_mm.registry import METRICS, MODELS, SCOPE, TRANSFORMS, build_part

TOY_FOLDER = Path(__file__).parent / "integration" / "toy"


def run_python(script: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.parametrize("module", ["macbdf_mm", "macbdf_mm.registry"])
def test_import_is_light(module):
    heavy = ("torch", "cv2", "mmcv", "mmaction", "av", "scipy", "matplotlib")
    done = run_python(
        f"import sys, {module}\nprint([name for name in {heavy} if name in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_parts_are_found_when_only_the_package_was_imported():
    done = run_python(
        "import macbdf_mm\n"
        "from mmengine.registry import HOOKS\n"
        "print(HOOKS.get('macbdf_mm.PlainCheckpointHook').__name__)"
    )
    assert done.stdout.strip() == "PlainCheckpointHook", done.stderr


@pytest.mark.parametrize(
    "name",
    ["MODELS", "DATASETS", "TRANSFORMS", "DATA_SAMPLERS", "HOOKS", "METRICS", "OPTIM_WRAPPERS"],
)
def test_registries_are_children_of_the_root_with_a_scope_of_their_own(name):
    child, parent = getattr(registry, name), getattr(root, name)
    assert child.scope == SCOPE
    assert child.parent is parent
    assert parent.children[SCOPE] is child


@pytest.mark.parametrize("scope", ["mmengine", "mmaction", "macbdf_mm", "mmpretrain"])
def test_prefixed_names_resolve_from_every_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert root.METRICS.build({"type": "macbdf_mm.ForgeryMetric"}).__class__ is ForgeryMetric
        assert root.MODELS.get("macbdf_mm.MSTLKABackbone") is MSTLKABackbone


@pytest.mark.parametrize("scope", ["mmengine", "mmaction", "macbdf_mm"])
def test_containers_find_our_bare_names_from_every_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert isinstance(build_part(METRICS, {"type": "ForgeryMetric"}), ForgeryMetric)


def test_bare_name_of_mmaction_needs_its_prefix():
    """Otherwise it depends on what was imported before which `Resize` is built."""
    with DefaultScope.overwrite_default_scope("macbdf_mm"):
        resize = build_part(TRANSFORMS, {"type": "mmaction.Resize", "scale": (8, 8)})
    assert type(resize).__module__.startswith("mmaction.")


def test_built_parts_and_defaults():
    metric = ForgeryMetric()
    assert build_part(METRICS, metric) is metric
    assert build_part(METRICS, {"type": "ForgeryMetric"}, aggregation="max").aggregation == "max"
    cfg = {"type": "ForgeryMetric", "aggregation": "mean"}
    assert build_part(METRICS, cfg, aggregation="max").aggregation == "mean"
    assert cfg == {"type": "ForgeryMetric", "aggregation": "mean"}, "the config is left alone"


def test_unknown_name():
    with pytest.raises(KeyError, match="NoSuchModel is not in the"):
        build_part(MODELS, {"type": "NoSuchModel"})


def test_same_experiment_from_both_scopes_ends_in_the_same_weights(tmp_path, monkeypatch):
    """In an mmaction2 project only the outermost names carry our prefix."""
    monkeypatch.syspath_prepend(str(TOY_FOLDER))
    digests = set()
    for scope in ("macbdf_mm", "mmaction"):
        cfg = Config.fromfile(str(TOY_FOLDER / "toy_config.py"))
        if scope == "mmaction":
            _prefix_outermost_types(cfg)
        cfg.default_scope = scope
        cfg.train_cfg.max_epochs = 1
        cfg.work_dir = str(tmp_path / scope)
        cfg.experiment_name = f"scope_{scope}_{tmp_path.name}"
        cfg.log_level = "ERROR"
        digests.add(weight_digest(train_model(cfg)))
    assert len(digests) == 1


def _prefix_outermost_types(cfg: Config) -> None:
    hooks = [h for h in cfg.default_hooks.values() if h.type in registry.HOOKS.module_dict]
    parts = [cfg.model, cfg.val_evaluator, *hooks]
    parts += [cfg.optim_wrapper]
    parts += [cfg[f"{split}_dataloader"].dataset for split in ("train", "val")]
    for part in parts:
        part.type = f"macbdf_mm.{part.type}"
