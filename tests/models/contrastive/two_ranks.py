"""One of two gloo ranks: save what the tests compare with the other rank and one process.

A training step is two forwards (accumulated gradients) of 5 clips, of which rank 0 has 3 and
rank 1 has 2. Gradients are averaged over the ranks, as DistributedDataParallel does.

Arguments: rank, number of ranks, file for the meeting of the ranks, output file.
"""

import sys
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection
from macbdf_mm.models.contrastive.feature_queue import FeatureSet
from macbdf_mm.models.contrastive.macl import MACL, ContrastiveLosses, gather_rows

NUM_STEPS, NUM_FORWARDS, NUM_CLIPS = 4, 2, 5


class Embedder(nn.Module):
    """Both projections and the losses, as a neck would hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.video = EmbeddingProjection(6, embed_dims=8)
        self.audio = EmbeddingProjection(6, embed_dims=8)
        self.macl = MACL(embed_dims=8, queue_length=12, num_negatives=3)

    def forward(self, batch: dict[str, Tensor]) -> ContrastiveLosses:
        steps = torch.ones(len(batch["ids"]), 1, dtype=torch.bool)
        video = self.video(batch["video"][:, :, None], steps)
        audio = self.audio(batch["audio"][:, :, None], steps)
        video_labels, audio_labels = batch["labels"].unbind(dim=1)
        video_valid, audio_valid = batch["valid"].unbind(dim=1)
        return self.macl(
            FeatureSet(video, video_labels, batch["ids"], video_valid),
            FeatureSet(audio, audio_labels, batch["ids"], audio_valid),
        )


def make_batch(number: int) -> dict[str, Tensor]:
    """Return the whole batch, the same on every rank."""
    generator = torch.Generator().manual_seed(number)
    return {
        "video": torch.randn(NUM_CLIPS, 6, generator=generator),
        "audio": torch.randn(NUM_CLIPS, 6, generator=generator),
        "labels": torch.randint(-1, 2, (NUM_CLIPS, 2), generator=generator),
        "valid": torch.rand(NUM_CLIPS, 2, generator=generator) < 0.8,
        "ids": torch.randint(0, 20, (NUM_CLIPS,), generator=generator),
    }


def train(rank: int, num_ranks: int) -> dict[str, Any]:
    """Return losses and signs of collapse of each forward, gradients and the final state."""
    torch.manual_seed(0)
    model = Embedder()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    share = slice(None) if num_ranks == 1 else (slice(0, 3), slice(3, None))[rank]
    losses, gradients = [], []
    for step in range(NUM_STEPS):
        optimizer.zero_grad()
        for forward in range(NUM_FORWARDS):
            batch = make_batch(NUM_FORWARDS * step + forward)
            result = model({name: value[share] for name, value in batch.items()})
            result.total.backward()
            losses.append(
                torch.cat([result.total.detach()[None], result.over_collapse, result.mean_cosine])
            )
        if num_ranks > 1:
            average_gradients(model, num_ranks)
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        optimizer.step()
        model.macl.advance()
    return {"losses": torch.stack(losses), "gradients": gradients, "state": model.state_dict()}


def average_gradients(model: nn.Module, num_ranks: int) -> None:
    """Replace every gradient by its mean over the ranks."""
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= num_ranks


def gather(rank: int) -> dict[str, Tensor]:
    """Return gathered rows of 3 and 1 clips, and the gradient of a loss through them."""
    num_rows = 3 - 2 * rank
    rows = torch.full((num_rows, 2), float(rank + 1), requires_grad=True)
    ids = torch.arange(num_rows) + 10 * rank
    all_rows, all_ids = gather_rows(rows, ids)
    weights = torch.arange(1.0, 5.0)[:, None]
    (all_rows.square() * weights).sum().backward()
    one_rank_empty = gather_rows(torch.zeros(rank, 2))[0]
    return {
        "rows": all_rows.detach(),
        "ids": all_ids,
        "grad": rows.grad,
        "one_rank_empty": one_rank_empty,
    }


def main(rank: int, num_ranks: int, store: str, output: str) -> None:
    dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=num_ranks)
    torch.save({"gather": gather(rank), "training": train(rank, num_ranks)}, output)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
