"""What the benchmarks are held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A limit for one ratio.

    Attributes:
        key: Name by which rows refer to it.
        what: What is measured, and against what.
        limit: The ratio that is wanted.
        is_cost: Whether the ratio should stay below the limit, not reach it.
    """

    key: str
    what: str
    limit: float
    is_cost: bool = False

    def is_met(self, ratio: float) -> bool:
        """Return whether a ratio is on the right side of the limit."""
        return ratio <= self.limit if self.is_cost else ratio >= self.limit

    def __str__(self) -> str:
        return f"{'<=' if self.is_cost else '>='} {self.limit:g}x"


# In the order in which they are printed.
GOALS = (
    Goal(
        "depthwise_set",
        "depthwise set, forward + backward, contiguous / nn.Conv3d",
        10.0,
    ),
    Goal("never_slower", "depthwise, the least favourable case tried / stock", 0.95),
    Goal("forward_dilation_1", "depthwise forward of dilation 1 / stock", 0.95),
    Goal("dilated_2d", "2-D dilated depthwise, forward + backward, B=8 / nn.Conv2d", 2.0),
    Goal("block", "video block, forward + backward / stock layers", 7.0),
    Goal("block_forward", "video block, forward / stock layers", 4.0),
    Goal("towers", "towers, forward + backward / stock layers", 6.0),
    Goal("step", "training step / stock layers, both with fused attention", 1.5),
    Goal("step_explicit", "training step / stock layers, explicit attention", 2.0),
    Goal("step_memory", "peak memory of a training step / stock layers", 1.0, is_cost=True),
    Goal("om_pareto", "OM-Pareto step / plain step", 1.75, is_cost=True),
    Goal("om_pareto_memory", "peak memory of the OM-Pareto step / plain", 1.3, is_cost=True),
    Goal("decode_250", "reading frames and sound, GOP 250 / mmaction2 with decord", 1.5),
    Goal("decode_25", "reading frames and sound, GOP 25 / mmaction2 with decord", 1.4),
    Goal("gpu_blocks", "GPU: six video blocks, bfloat16, B=16 / stock layers", 10.0),
    Goal("gpu_step", "GPU: training step, bfloat16 / stock layers", 3.0),
)

_READING = ("decode_250", "decode_25")
# Of loading alone, see `run_loading`.
LOADING_GOALS = (
    *(goal for goal in GOALS if goal.key in _READING),
    Goal("memory_growth", "memory growth a clip / 30 kB", 1.0, is_cost=True),
    Goal("crops_mp4", "prepared mp4 crops / full frames, 480p", 8.0),
    Goal("crops_jpeg", "prepared JPEG crops / full frames, 480p", 40.0),
)
