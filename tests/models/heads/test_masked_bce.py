import math
import os
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from macbdf_mm.models.heads.masked_bce import masked_bce

TWO_RANKS = """
import sys, torch
from torch import distributed
from macbdf_mm.models.heads.masked_bce import masked_bce

rank, store, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
distributed.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
logits = torch.tensor([[0.3, -1.0], [2.0, 0.5], [-0.7, 0.1], [1.1, 0.9]])
labels = torch.tensor([[1, -1], [0, -1], [1, -1], [-1, 1]])
own = logits[3 * rank: 3 + rank].clone().requires_grad_()  # three clips, and one
loss = masked_bce(own, labels[3 * rank: 3 + rank])
loss.sum().backward()
torch.save((loss.detach(), own.grad), out + str(rank))
# A process that ends while gloo's threads run is aborted now and then.
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def by_hand(logits, labels):
    terms = []
    for logit, label in zip(logits.tolist(), labels.tolist(), strict=True):
        if label != -1:
            score = 1 / (1 + math.exp(-logit))
            terms.append(-math.log(score if label == 1 else 1 - score))
    return sum(terms) / len(terms)


@pytest.mark.holds("Eq. 19")
def test_each_column_is_the_mean_over_its_known_labels():
    logits = torch.randn(6, 3)
    labels = torch.tensor([[1, 0, -1], [0, -1, 1], [-1, 1, 0], [1, 1, -1], [0, 0, 0], [1, -1, -1]])
    losses = masked_bce(logits, labels)
    for column in range(3):
        expected = by_hand(logits[:, column], labels[:, column])
        assert losses[column].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.holds("masked losses")
def test_masked_loss_and_gradient_equal_those_of_the_unmasked_subset():
    logits = torch.randn(6, 1, requires_grad=True)
    labels = torch.tensor([[1], [-1], [0], [1], [-1], [0]])
    valid = torch.tensor([[1], [1], [1], [0], [1], [1]], dtype=torch.bool)
    masked_bce(logits, labels, valid).sum().backward()
    subset = logits.detach()[[0, 2, 5]].requires_grad_()
    binary_cross_entropy_with_logits(subset, torch.tensor([[1.0], [0.0], [0.0]])).backward()
    torch.testing.assert_close(logits.grad[[0, 2, 5]], subset.grad)
    assert logits.grad[[1, 3, 4]].eq(0).all()


def test_no_known_label_is_a_zero_with_a_graph():
    logits = torch.randn(2, 2, requires_grad=True)
    losses = masked_bce(logits, torch.full((2, 2), -1))
    losses.sum().backward()
    assert losses.tolist() == [0.0, 0.0]
    assert logits.grad.eq(0).all()


def test_half_precision_logits_have_a_float32_loss():
    loss = masked_bce(torch.randn(2, 1).half(), torch.ones(2, 1))
    assert loss.dtype == torch.float32


@pytest.mark.holds("Eq. 19")
def test_mean_over_ranks_equals_one_process(tmp_path):
    """Ranks of three clips and one: losses and gradients, averaged, are those of all four."""
    store, out = tmp_path / "store", tmp_path / "rank"
    command = [sys.executable, "-c", TWO_RANKS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([*command, str(rank), str(store), str(out)], env=environment)
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    (first, first_grad), (second, second_grad) = (torch.load(f"{out}{rank}") for rank in range(2))

    logits = torch.tensor([[0.3, -1.0], [2.0, 0.5], [-0.7, 0.1], [1.1, 0.9]], requires_grad=True)
    labels = torch.tensor([[1, -1], [0, -1], [1, -1], [-1, 1]])
    losses = masked_bce(logits, labels)
    losses.sum().backward()
    torch.testing.assert_close((first + second) / 2, losses.detach())
    torch.testing.assert_close(torch.cat([first_grad, second_grad]) / 2, logits.grad)
