import inspect
import warnings

import mmaction.registry
import mmengine.runner  # noqa: F401 - registers MMEngine's own parts
import pytest
from mmengine import registry as root
from mmengine.config import Config

import macbdf_mm.registry
from macbdf_mm.apis.output_places import forget_places, is_place


def parts_that_a_test_builds():
    for registry in (root.HOOKS, root.METRICS, root.EVALUATOR, root.LOG_PROCESSORS, root.LOOPS):
        for node in (registry, *registry.children.values()):
            if node.scope in ("mmengine", mmaction.registry.HOOKS.scope, macbdf_mm.registry.SCOPE):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    node.import_from_location()
                yield from node.module_dict.items()


def test_every_registered_part_is_known_by_the_names_of_its_places():
    # By words that are looser than the rule: a new part of another release is looked at.
    words = ("dir", "file", "path", "dump", "out", "uri", "url", "folder", "artifact")
    found = {
        (part, name)
        for part, kind in parts_that_a_test_builds()
        for name in inspect.signature(kind).parameters
        if any(word in name for word in words) and not is_place(name)
    }
    # Numbers and switches.
    assert {name for _, name in found} <= {
        *("profile_times", "profile_memory", "use_e2e_profiler", "ge_profiling_to_std_out")
    }


@pytest.fixture
def cfg():
    return Config(
        {
            "visualizer": {"type": "Visualizer", "save_dir": "/there"},
            "default_hooks": {
                "logger": {"type": "LoggerHook", "out_dir": "/there", "interval": 7},
                "checkpoint": {
                    "type": "CheckpointHook",
                    "save_best": "auc",
                    "filename_tmpl": "/there",
                },
            },
            "custom_hooks": [
                {"type": "ProfilerHook", "json_trace_path": "/there/a.json"},
                {"type": "ProfilerHook", "on_trace_ready": {"type": "a", "dir_name": "/there"}},
            ],
            "test_evaluator": [
                {"type": "ForgeryMetric", "out_file": "/there/a.jsonl", "prefix": "a"},
                {"type": "mmengine.DumpResults", "out_file_path": "/there/a.pkl"},
                {"type": "mmaction.ANetMetric", "dump_config": {"out": "/there/a.json"}},
            ],
            "val_evaluator": {"type": "ForgeryMetric", "collect_dir": "/there"},
            "env_cfg": {
                "cudnn_benchmark": False,
                "dist_cfg": {"backend": "gloo", "init_method": "file:///there"},
            },
        }
    )


def test_places_are_left_out_and_all_else_stays(cfg):
    forget_places(cfg)
    assert cfg.to_dict() == {
        "default_hooks": {
            "logger": {"type": "LoggerHook", "interval": 7},
            "checkpoint": {"type": "CheckpointHook", "save_best": "auc"},
        },
        "custom_hooks": [
            {"type": "ProfilerHook"},
            {"type": "ProfilerHook", "on_trace_ready": {"type": "a"}},
        ],
        "test_evaluator": [
            {"type": "ForgeryMetric", "prefix": "a"},
            {"type": "mmaction.ANetMetric"},
        ],
        "val_evaluator": {"type": "ForgeryMetric"},
        "env_cfg": {"cudnn_benchmark": False, "dist_cfg": {"backend": "gloo"}},
    }


def test_a_config_without_such_parts_stays_as_it_is():
    cfg = Config({"model": {"type": "MACBDF"}})
    forget_places(cfg)
    assert cfg.to_dict() == {"model": {"type": "MACBDF"}}
