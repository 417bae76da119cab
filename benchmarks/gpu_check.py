"""The steps of ``gpu_check.sh`` that measure, and the summary of all of them.

``MACBDF_DEVICE=cpu`` makes what is measured as small as it can be, to try the steps on the CPU.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from mmengine.config import Config

from benchmarks.calls import build_training_model, plain_wrapper, random_batch, training_step
from benchmarks.recipe_cost import PASSES_OF_A_STEP, PEAK_OPERATIONS, forward_operations
from benchmarks.report import describe_environment, environment_lines
from macbdf_mm.apis.command_line import load_config, run_command
from macbdf_mm.engine.run_options import use_full_precision
from macbdf_mm.errors import ConfigError
from macbdf_mm.utils.files import write_atomically, write_json
from macbdf_mm.utils.tables import markdown_table

STEPS = ("tests", "training", "benchmark", "study")
CONFIG = Path(__file__).parents[1] / "configs" / "macbdf_dfdc.py"
_BATCH = 32
_NUM_WARM_UP_STEPS, _NUM_STEPS = 3, 10
# Of a trial on the CPU.
_SMALL = {"embed_dims": 24, "depth": 1, "num_heads": 2}


def chosen_device() -> torch.device:
    """Return the first GPU, or the CPU where ``MACBDF_DEVICE`` says so.

    Raises:
        ConfigError: If there is no GPU.
    """
    if os.environ.get("MACBDF_DEVICE") == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigError(
            "There is no GPU, and this check is of GPUs; try its steps on the CPU with --dry-run."
        )
    return torch.device("cuda", 0)


def measure_training(cfg: Config, device: torch.device) -> dict[str, Any]:
    """Return what training steps of the config's model cost on a device, on noise.

    Returns:
        ``steps``: wrapper -> ``seconds`` of a step, ``clips_per_second``,
        ``peak_memory_bytes`` (None on the CPU) and ``share_of_peak`` of an H200's products in
        bfloat16; ``batch_size``, ``num_parameters``, ``forward_operations`` of a clip and
        ``environment``.
    """
    is_gpu = device.type == "cuda"
    if not is_gpu:
        cfg = _small(cfg)
        use_full_precision(cfg)
    batch_size = _BATCH if is_gpu else 2
    operations = forward_operations(cfg)
    plain = plain_wrapper(cfg, "AmpOptimWrapper") | {"dtype": "bfloat16", "loss_scale": 1.0}
    wrappers = {
        "OM-Pareto": (dict(cfg.optim_wrapper), PASSES_OF_A_STEP),
        "plain sum": (plain if is_gpu else plain_wrapper(cfg), 3),
    }
    batch = random_batch(cfg, batch_size, seed=0)
    steps = {}
    for name, (wrapper, num_passes) in wrappers.items():
        model = build_training_model(cfg, 0, device)
        step = training_step(model, wrapper, batch)
        for _ in range(_NUM_WARM_UP_STEPS if is_gpu else 1):
            step()
        if is_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        num_steps = _NUM_STEPS if is_gpu else 1
        begin = time.perf_counter()
        for _ in range(num_steps):
            step()
        if is_gpu:
            torch.cuda.synchronize()
        seconds = (time.perf_counter() - begin) / num_steps
        rate = num_passes * operations * batch_size / seconds
        steps[name] = {
            "seconds": seconds,
            "clips_per_second": batch_size / seconds,
            "peak_memory_bytes": torch.cuda.max_memory_allocated() if is_gpu else None,
            "share_of_peak": rate / PEAK_OPERATIONS,
        }
        del model, step
    return {
        "device": str(device),
        "batch_size": batch_size,
        "num_parameters": sum(p.numel() for p in build_training_model(cfg, 0, device).parameters()),
        "forward_operations": operations,
        "steps": steps,
        "environment": describe_environment(1),
    }


def read_tests(path: Path) -> dict[str, Any]:
    """Return the numbers of a JUnit file: ``num_tests``, ``num_skipped``, names that ``failed``."""
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = [case for case in cases if case.find("skipped") is not None]
    return {"num_tests": len(cases), "num_skipped": len(skipped), "failed": failed}


def summarise(results: Path, work: Path) -> dict[str, Any]:
    """Return and write what came of all steps, as ``summary.json`` and ``summary.md``.

    Args:
        results: Folder with a JSON file for each step that succeeded.
        work: Folder with a note for each that failed.
    """
    found: dict[str, Any] = {}
    rows = []
    for name in STEPS:
        path, note = results / f"{name}.json", work / f"{name}.failed"
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            found[name] = {"outcome": "done", **_figures(name, content)}
        else:
            reason = note.read_text(encoding="utf-8").strip() if note.is_file() else "not run"
            found[name] = {"outcome": f"failed: {reason}" if note.is_file() else reason}
        figures = [f"{key} {value}" for key, value in found[name].items() if key != "outcome"]
        rows.append((name, found[name]["outcome"], "; ".join(figures)))
    environment = describe_environment(1)
    device = os.environ.get("MACBDF_DEVICE", "cuda")
    summary = {"device": device, "environment": environment, "steps": found}
    write_json(summary, results / "summary.json")
    trial = "**A trial on the CPU, in its smallest size: no figure of a GPU.**\n\n"
    text = (
        f"# Check on a GPU\n\n{trial if device == 'cpu' else ''}{environment_lines(environment)}\n"
        f"{markdown_table(('step', 'outcome', 'figures'), rows)}\n"
    )
    write_atomically(text, results / "summary.md")
    return summary


def _figures(name: str, content: Mapping[str, Any]) -> dict[str, str]:
    """Return the few figures of a step that its line of the summary shows."""
    if name == "tests":
        return {"passed": str(content["num_tests"] - content["num_skipped"]),
                "skipped": str(content["num_skipped"])}  # fmt: skip
    if name == "training":
        return {wrapper: _step_figures(step) for wrapper, step in content["steps"].items()}
    if name == "benchmark":
        return {f"{row['what']} ({row['setting']})": f"{row['ratio']:.2f}x {row['peer']}"
                for row in content["rows"]}  # fmt: skip
    return {variant: f"{len(kept['runs'])} runs" for variant, kept in content["variants"].items()}


def _step_figures(step: Mapping[str, Any]) -> str:
    peak = step["peak_memory_bytes"]
    memory = "memory not told" if peak is None else f"{peak / 1e9:.1f} GB"
    share = f"{step['share_of_peak']:.1%} of an H200's peak"
    return f"{step['clips_per_second']:.1f} clips/s, {share}, {memory}"


def _small(cfg: Config) -> Config:
    cfg = cfg.copy()
    cfg.model.video_backbone.encoder.img_size = 32
    for tower in (cfg.model.video_backbone, cfg.model.audio_backbone):
        tower.encoder.update(_SMALL)
        tower.update(embed_dims=12, depth=1)
    cfg.model.neck.weights.num_heads = cfg.model.neck.fusion.num_heads = 2
    return cfg


def main() -> int:
    """Run one step; its arguments are those that ``gpu_check.sh`` gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("device", "tests", "training", "summary"))
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "device":
        print(torch.cuda.get_device_name(chosen_device()))
    elif arguments.step == "training":
        (out,) = arguments.paths
        write_json(measure_training(load_config(CONFIG), chosen_device()), out)
    elif arguments.step == "tests":
        junit, out = arguments.paths
        tests = read_tests(junit)
        is_trial = chosen_device().type == "cpu"
        if tests["failed"] or (tests["num_tests"] == tests["num_skipped"] and not is_trial):
            print(f"failed: {tests['failed'] or 'every test was skipped'}", file=sys.stderr)
            return 1
        write_json(tests, out)
    else:
        results, work = arguments.paths
        summary = summarise(results, work)
        print((results / "summary.md").read_text(encoding="utf-8"))
        return int(any(step["outcome"] != "done" for step in summary["steps"].values()))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
