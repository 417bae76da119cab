"""How thoroughly and on how many threads to measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.timing import Call, Times, clock_of, measure_in_turns
from macbdf_mm.errors import ArgumentError

CPU = torch.device("cpu")
# Width of the `s` model's blocks, and their maps, of 2.56 s of sound: four times that of a clip.
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
        ArgumentError: If there is no thread, or the seed is negative.
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

    @property
    def num_step_rounds(self) -> int:
        """Rounds of what takes seconds."""
        return 1 if self.is_quick else 5

    def measure(
        self, calls: Mapping[str, Call], num_rounds: int | None = None, device: torch.device = CPU
    ) -> dict[str, Times]:
        """Return the milliseconds of each call, one value per round.

        Args:
            calls: What to time, by name.
            num_rounds: Rounds; None for what takes milliseconds.
            device: Where the calls compute.
        """
        clock = clock_of(device, self.num_threads)
        return measure_in_turns(calls, clock, num_rounds or self.num_rounds)
