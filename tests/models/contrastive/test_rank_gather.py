import pytest
import torch

from macbdf_mm.models.contrastive.rank_gather import gather_rows


def test_two_ranks_gather_unequal_rows_in_order_of_rank(two_ranks):
    saved = [rank["gather"] for rank in two_ranks]
    for rank in saved:
        assert rank["rows"].tolist() == [[1.0] * 2] * 3 + [[2.0] * 2]
        assert rank["ids"].tolist() == [0, 1, 2, 10]
        assert rank["one_rank_empty"].shape == (1, 2)
    # d/dx of w x^2, times two ranks: the average over the ranks' parameters halves it again.
    assert saved[0]["grad"].tolist() == [[2 * 2 * 1 * w] * 2 for w in (1.0, 2.0, 3.0)]
    assert saved[1]["grad"].tolist() == [[2 * 2 * 2 * 4.0] * 2]


def test_one_process_gets_its_own_tensors_back():
    rows, ids = torch.zeros(3, 2), torch.arange(3)
    gathered = gather_rows(rows, ids)
    assert gathered[0] is rows
    assert gathered[1] is ids


def test_unequal_numbers_of_rows_are_refused():
    with pytest.raises(ValueError, match=r"same number of rows, got \[2, 3\]"):
        gather_rows(torch.zeros(3, 2), torch.zeros(2))
