"""How thoroughly and on how many threads to measure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.timing import Call, clock_of
from macbdf_mm.errors import ArgumentError

CPU = torch.device("cpu")
# Of the `s` model's maps: width of a block, and the grids.
BLOCK_WIDTH = 192
VIDEO_GRID = (8, 14, 14)
AUDIO_GRID = (4, 64)


@dataclass(frozen=True)
class Settings:
    """What all benchmarks share.

    Attributes:
        config: Config whose model and optimiser are measured as a whole.
        is_quick: Whether few rounds have to do, and one clip a batch.
        num_threads: Threads on the CPU.
        seed: Of weights and inputs.

    Raises:
        ValueError: If there is no thread, or the seed is negative.
    """

    config: Path
    is_quick: bool = False
    num_threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_threads < 1:
            raise ArgumentError(f"Expected `num_threads` (--threads) > 0, got {self.num_threads}.")
        if self.seed < 0:
            raise ArgumentError(f"Expected `seed` (--seed) >= 0, got {self.seed}.")

    @property
    def num_rounds(self) -> int:
        """Rounds of what takes milliseconds."""
        return 5 if self.is_quick else 15

    def thorough(self) -> "Settings":
        """Return the same with the rounds of a run that is not quick."""
        return replace(self, is_quick=False)

    @property
    def num_step_rounds(self) -> int:
        """Rounds of what takes seconds."""
        return 1 if self.is_quick else 5

    def clock(self, device: torch.device = CPU) -> Callable[[Call], float]:
        """Return the clock for calls on a device."""
        return clock_of(device, self.num_threads)
