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
labels = torch.tensor([[1, -1], [1, -1], [-1, -1], [0, 1]])
for mask in (False, True):
    own = logits[3 * rank: 3 + rank].clone().requires_grad_()  # three clips, and one
    known_classes = torch.zeros(2, 2, dtype=torch.bool) if mask else None
    loss = masked_bce(own, labels[3 * rank: 3 + rank], None, known_classes)
    loss.sum().backward()
    torch.save((loss.detach(), own.grad, known_classes), out + str(rank) + str(mask))
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


def test_a_column_is_a_zero_with_a_graph_until_both_classes_were_there():
    known_classes = torch.zeros(2, 3, dtype=torch.bool)
    logits = torch.randn(2, 3)
    batches = [[(0, 1, 1), (-1, 0, 1)], [(0, -1, -1), (0, -1, -1)], [(-1, 1, 0), (1, 1, -1)]]
    expected = [[False, True, False], [False, True, False], [True, True, True]]
    for labels, is_open in zip(batches, expected, strict=True):
        own = logits.clone().requires_grad_()
        losses = masked_bce(own, torch.tensor(labels), None, known_classes)
        plain = masked_bce(logits, torch.tensor(labels))
        assert torch.equal(losses, plain * torch.tensor(is_open))
        losses.sum().backward()
        assert not own.grad[:, ~torch.tensor(is_open)].any()
    assert known_classes.all()


def test_classes_of_what_is_left_out_are_not_known():
    known_classes = torch.zeros(2, 1, dtype=torch.bool)
    valid = torch.tensor([[True], [False], [True]])
    masked_bce(torch.randn(3, 1), torch.tensor([[0], [1], [-1]]), valid, known_classes)
    assert known_classes.tolist() == [[True], [False]]


def test_what_is_masked_passes_on_no_infinity():
    known_classes = torch.zeros(2, 1, dtype=torch.bool)
    logits = torch.full((2, 1), torch.inf, requires_grad=True)
    masked_bce(logits, torch.zeros(2, 1), None, known_classes).sum().backward()
    assert logits.grad.tolist() == [[0.0], [0.0]]


@pytest.mark.holds("Eq. 19", "model.head.mask_one_class")
def test_mean_over_ranks_equals_one_process(tmp_path):
    """Ranks of three clips and one: losses and gradients, averaged, are those of all four.

    The first column has its fakes on one rank and its real clip on the other; the second has one
    class.
    """
    store, out = tmp_path / "store", tmp_path / "rank"
    command = [sys.executable, "-c", TWO_RANKS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([*command, str(rank), str(store), str(out)], env=environment)
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    labels = torch.tensor([[1, -1], [1, -1], [-1, -1], [0, 1]])
    for mask in (False, True):
        ranks = [torch.load(f"{out}{rank}{mask}") for rank in range(2)]
        logits = torch.tensor([[0.3, -1.0], [2.0, 0.5], [-0.7, 0.1], [1.1, 0.9]])
        logits.requires_grad_()
        known_classes = torch.zeros(2, 2, dtype=torch.bool) if mask else None
        losses = masked_bce(logits, labels, None, known_classes)
        losses.sum().backward()
        torch.testing.assert_close((ranks[0][0] + ranks[1][0]) / 2, losses.detach())
        torch.testing.assert_close(torch.cat([ranks[0][1], ranks[1][1]]) / 2, logits.grad)
        assert losses.tolist()[0] > 0
        assert (losses.tolist()[1] == 0) == mask
        if mask:
            for rank in ranks:
                assert torch.equal(rank[2], known_classes)
