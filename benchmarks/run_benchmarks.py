"""Run the benchmarks one by one and keep what was measured."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.benchmark import Benchmark
from benchmarks.blocks import measure_blocks
from benchmarks.decoding import measure_decoding
from benchmarks.depthwise import measure_depthwise
from benchmarks.encoder import measure_encoder
from benchmarks.environment import describe_environment
from benchmarks.gpu import measure_gpu
from benchmarks.log_mel import measure_log_mel
from benchmarks.not_measured import NotMeasuredError
from benchmarks.prediction import measure_prediction
from benchmarks.report import Report
from benchmarks.row import Row
from benchmarks.scaling import GrowthCurve, measure_scaling
from benchmarks.scaling_report import save_scaling, scaling_markdown
from benchmarks.settings import Settings
from benchmarks.steps import measure_checkpointing, measure_om_pareto, measure_step
from benchmarks.towers import measure_towers
from macbdf_mm.apis.command_line import load_config

BENCHMARKS = (
    Benchmark(
        "depthwise",
        measure_depthwise,
        ("depthwise_set", "never_slower", "forward_dilation_1", "dilated_2d"),
    ),
    Benchmark("blocks", measure_blocks, ("block", "block_forward")),
    Benchmark("towers", measure_towers, ("towers",)),
    Benchmark("encoder", measure_encoder),
    Benchmark("step", measure_step, ("step", "step_explicit", "step_memory")),
    Benchmark("checkpointing", measure_checkpointing),
    Benchmark("om_pareto", measure_om_pareto, ("om_pareto", "om_pareto_memory")),
    Benchmark("log_mel", measure_log_mel),
    Benchmark("decoding", measure_decoding, ("decode_250", "decode_25")),
    Benchmark("prediction", measure_prediction),
    Benchmark("gpu", measure_gpu, ("gpu_blocks", "gpu_step")),
)


def run_benchmarks(
    settings: Settings,
    names: Sequence[str] = (),
    out: Path | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> Report:
    """Return the report of all benchmarks, or of those named.

    Args:
        settings: How thoroughly to measure.
        names: Of the benchmarks; all if empty.
        out: Folder for the report, which is written anew after each benchmark, so that a run
            that is stopped leaves what it has.
        on_row: Called with each row as soon as it is measured.

    Raises:
        ValueError: If a name is not that of a benchmark.
        ConfigError: If there is no such config.
    """
    known = [benchmark.name for benchmark in BENCHMARKS]
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"Expected `names` (--only) out of {known}, got {unknown}.")
    load_config(settings.config)  # before the first minutes have gone by
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.num_threads)
    report = Report(describe_environment(settings.num_threads))
    for benchmark in BENCHMARKS:
        if names and benchmark.name not in names:
            continue
        try:
            for row in benchmark.measure(settings):
                report.rows.append(row)
                on_row(row)
        except NotMeasuredError as reason:
            missing = [goal for goal in benchmark.goals if not report.has(goal)]
            report.not_measured |= dict.fromkeys([benchmark.name, *missing], str(reason))
        if out is not None:
            report.save(out)
    return report


def run_scaling(
    settings: Settings,
    out: Path | None = None,
    on_curve: Callable[[GrowthCurve], None] = lambda curve: None,
) -> str:
    """Return as Markdown how cost grows with each size.

    Args:
        settings: How thoroughly to measure.
        out: Folder for table and picture.
        on_curve: Called with each curve as soon as it is measured.
    """
    torch.set_num_threads(settings.num_threads)
    environment = describe_environment(settings.num_threads)
    curves = []
    for curve in measure_scaling(settings):
        curves.append(curve)
        on_curve(curve)
        if out is not None:
            save_scaling(out, environment, curves)
    return scaling_markdown(environment, curves)
