"""Run the benchmarks one by one and keep what was measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.decoding import measure_decoding
from benchmarks.depthwise import measure_depthwise
from benchmarks.gpu import measure_gpu
from benchmarks.parts import measure_blocks, measure_encoder, measure_log_mel, measure_towers
from benchmarks.prediction import measure_prediction
from benchmarks.report import Report, describe_environment
from benchmarks.rows import Row
from benchmarks.scaling import GrowthCurve, measure_scaling, save_scaling, scaling_markdown
from benchmarks.settings import Settings
from benchmarks.steps import measure_checkpointing, measure_om_pareto, measure_step
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.errors import ArgumentError


@dataclass(frozen=True)
class Benchmark:
    """One group of measurements.

    Attributes:
        name: As the command line names it.
        measure: Yields the rows, each as soon as it is there; raises ``NotMeasuredError`` if it
            cannot be measured here.
        goals: Keys of the goals that its rows answer.
    """

    name: str
    measure: Callable[[Settings], Iterator[Row]]
    goals: tuple[str, ...] = ()


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
        raise ArgumentError(f"Expected `names` (--only) out of {known}, got {unknown}.")
    load_config(settings.config)  # before the first minutes have gone by
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.num_threads)
    report = Report(describe_environment(settings.num_threads))
    for benchmark in BENCHMARKS:
        if names and benchmark.name not in names:
            continue
        report.take(benchmark.name, benchmark.measure(settings), benchmark.goals, on_row)
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
