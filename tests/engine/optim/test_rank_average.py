"""Two gloo ranks with half a batch each against one process with the whole batch.

Each of these lines was taken out once, and a test here failed: ``no_sync``; the average of the
parameters' gradients, of the unimodal ones, of the objectives' values, of which parameters were
reached; the mean instead of the sum; zeros for what one rank does not reach, and no gradient for
what none does; the hook on the bare model; the broadcast of buffers; and where features decide,
the average of the gradients, of the Gram numbers and their factor, and of the objectives' values.
"""

import pytest
import torch

from macbdf_mm.engine.optim.rank_average import average_over_ranks

TRAININGS = ("parameters", "features", "accumulation", "clipping")


@pytest.mark.parametrize("name", TRAININGS)
def test_two_ranks_give_the_update_of_one_process(two_ranks, trained_by_one_process, name):
    expected = trained_by_one_process[name]
    for rank in two_ranks:
        for key, weights in rank[name]["weights"].items():
            torch.testing.assert_close(weights, expected["weights"][key], rtol=1e-8, atol=1e-10)
        for found, solved in zip(rank[name]["solved"], expected["solved"], strict=True):
            assert set(found) == set(solved)
            for encoder, numbers in found.items():
                assert numbers == pytest.approx(solved[encoder], rel=1e-6)
    alphas = [step["video"][0] for step in expected["solved"] if step]
    assert any(alpha != 0.5 for alpha in alphas), "without a conflict nothing is tested"


@pytest.mark.parametrize("name", TRAININGS)
def test_the_ranks_stay_bitwise_equal(two_ranks, name):
    first, second = (rank[name]["weights"] for rank in two_ranks)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_parameter_that_no_rank_reaches_gets_no_gradient(two_ranks):
    """The optimiser would decay it otherwise."""
    for rank in two_ranks:
        assert torch.equal(
            rank["parameters"]["weights"]["video.spare"], torch.ones(3, dtype=torch.float64)
        )


def test_an_infinity_on_one_rank_skips_the_step_on_both(two_ranks, two_encoders):
    start = two_encoders.make_model(dtype=torch.float32).state_dict()
    for rank in two_ranks:
        assert all(torch.equal(rank["skipped"]["weights"][key], start[key]) for key in start)
        assert rank["skipped"]["scale"] == 2.0**9


def test_a_bad_clip_on_one_rank_stops_both_with_one_sentence(two_ranks):
    assert {error for rank in two_ranks for error in rank["errors"]} == {
        "The multimodal objective is nan at iteration 1: lower the learning rate, clip the "
        "gradients, or look for bad input in that batch."
    }


def test_buffers_are_broadcast_where_the_wrapper_was_told_to(two_ranks):
    first, second = (rank["buffers"] for rank in two_ranks)
    assert len(first) == 3
    for mine, other in zip(first, second, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=0)
    assert not torch.equal(first[0], first[2])


def test_one_process_alone_changes_nothing():
    reached, unreached = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))
    reached.grad = torch.tensor([1.0, 2.0])
    is_reached = average_over_ranks([reached, unreached], [], None)
    assert is_reached.tolist() == [1.0, 0.0]
    assert reached.grad.tolist() == [1.0, 2.0]
    assert unreached.grad.tolist() == [0.0, 0.0, 0.0]
