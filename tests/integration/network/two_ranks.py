"""One of two gloo ranks: train the small detector on half of each batch and save what came out.

Arguments: rank, file for the meeting of the ranks, output file.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parent))

import tiny_detector

NUM_STEPS = 8


def main(rank: int, store: str, output: str) -> None:
    dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
    trainings = {m: tiny_detector.train(m, NUM_STEPS, rank) for m in (None, "om_pareto")}
    torch.save(trainings, output)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
