"""The benchmarks of the model's speed and memory, and their goals."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.decoding import DECODING_GOALS, measure_decoding
from benchmarks.depthwise import measure_depthwise
from benchmarks.gpu import measure_gpu
from benchmarks.long_files import LONG_FILE_GOALS, measure_long_files
from benchmarks.onnx import measure_onnx
from benchmarks.parts import measure_blocks, measure_encoder, measure_log_mel, measure_towers
from benchmarks.prediction import measure_prediction
from benchmarks.report import Goal, Report, run_all
from benchmarks.settings import Settings
from benchmarks.steps import measure_checkpointing, measure_om_pareto, measure_step
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.errors import ArgumentError

BENCHMARKS = {
    "depthwise": measure_depthwise,
    "blocks": measure_blocks,
    "towers": measure_towers,
    "encoder": measure_encoder,
    "step": measure_step,
    "checkpointing": measure_checkpointing,
    "om_pareto": measure_om_pareto,
    "log_mel": measure_log_mel,
    "decoding": measure_decoding,
    "prediction": measure_prediction,
    "onnx": measure_onnx,
    "long_files": measure_long_files,
    "gpu": measure_gpu,
}
"""Name on the command line -> what measures."""

# In the order in which they are printed.
GOALS = (
    Goal(
        "depthwise_set",
        "depthwise",
        "depthwise set, forward + backward, contiguous / nn.Conv3d",
        10.0,
    ),
    Goal("never_slower", "depthwise", "depthwise, the least favourable case tried / stock", 0.95),
    Goal("forward_dilation_1", "depthwise", "depthwise forward of dilation 1 / stock", 0.95),
    Goal(
        "dilated_2d", "depthwise", "2-D dilated depthwise, forward + backward, B=8 / nn.Conv2d", 2.0
    ),
    Goal("block", "blocks", "video block, forward + backward / stock layers", 7.0),
    Goal("block_forward", "blocks", "video block, forward / stock layers", 4.0),
    Goal("towers", "towers", "towers, forward + backward / stock layers", 6.0),
    Goal("step", "step", "training step / stock layers, both with fused attention", 1.5),
    Goal("step_explicit", "step", "training step / stock layers, explicit attention", 2.0),
    Goal("step_memory", "step", "peak memory of a training step / stock layers", 1.0, is_cost=True),
    Goal("om_pareto", "om_pareto", "OM-Pareto step / plain step", 1.75, is_cost=True),
    Goal(
        "om_pareto_memory",
        "om_pareto",
        "peak memory of the OM-Pareto step / plain",
        1.3,
        is_cost=True,
    ),
    *DECODING_GOALS,
    *LONG_FILE_GOALS,
    Goal("gpu_blocks", "gpu", "GPU: six video blocks, bfloat16, B=16 / stock layers", 10.0),
    Goal("gpu_step", "gpu", "GPU: training step, bfloat16 / stock layers", 3.0),
)


def run_benchmarks(settings: Settings, names: Sequence[str], out: Path) -> Report:
    """Return the report of all benchmarks, or of those named.

    Args:
        settings: How thoroughly to measure.
        names: Of the benchmarks; all if empty.
        out: Folder for the report.

    Raises:
        ArgumentError: If a name is not that of a benchmark.
        ConfigError: If there is no such config.
    """
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        raise ArgumentError(f"Expected `names` (--only) out of {list(BENCHMARKS)}, got {unknown}.")
    load_config(settings.config)  # before the first minutes have gone by
    chosen = {n: measure for n, measure in BENCHMARKS.items() if not names or n in names}
    return run_all(chosen, GOALS, settings, out)
