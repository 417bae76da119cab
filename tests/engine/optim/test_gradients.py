"""Both gradients of one tensor, and two gloo ranks with half a batch each against one process.

Each of these lines was taken out once, and a test of the ranks failed: ``no_sync``; the average of
the parameters' gradients, of the unimodal ones, of the objectives' values, of which parameters were
reached; the mean instead of the sum; zeros for what one rank does not reach, and no gradient for
what none does; the hook on the bare model; the broadcast of buffers; and where features decide,
the average of the gradients, of the Gram numbers and their factor, and of the objectives' values.
"""

import math

import pytest
import torch
from torch import nn

from macbdf_mm.engine.optim.gradients import TwoGradients, average_over_ranks, read_together


@pytest.fixture
def pair():
    """Three float32 tensors, the last of them frozen, and two losses of them."""
    torch.manual_seed(0)
    tensors = [nn.Parameter(torch.randn(shape)) for shape in [(4, 3), (5,), (2,)]]
    tensors[2].requires_grad_(False)

    def losses():
        first, second, _ = tensors
        return (first**2).sum() + second.sum(), (first * 3).sum()

    return tensors, losses


def collect(tensors, losses):
    two = TwoGradients(tensors)
    multimodal, unimodal = losses()
    with two.collect_unimodal():
        unimodal.backward()
    multimodal.backward()
    return two


def test_the_gradients_are_kept_apart_and_accumulate_in_place(pair):
    tensors, losses = pair
    two = collect(tensors, losses)
    buffers = [tensors[0].grad, two.unimodal[0]]
    multimodal, unimodal = losses()
    multimodal.backward()
    with two.collect_unimodal():
        unimodal.backward()
    torch.testing.assert_close(tensors[0].grad, 4 * tensors[0].detach())
    torch.testing.assert_close(two.unimodal[0], torch.full((4, 3), 6.0))
    assert tensors[0].grad is buffers[0]
    assert two.unimodal[0] is buffers[1]
    assert two.unimodal[1:] == [None, None]


def test_gram_numbers_are_those_of_one_flat_vector(pair):
    tensors, losses = pair
    two = collect(tensors, losses)
    m = torch.cat([2 * tensors[0].detach().flatten(), torch.ones(5)]).double()
    u = torch.cat([torch.full((12,), 3.0), torch.zeros(5)]).double()
    expected = torch.stack([m @ m, u @ u, m @ u])
    torch.testing.assert_close(two.gram_numbers(), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_gram_numbers_are_in_double_precision(size):
    """Squares of these leave the range of float32."""
    tensor = nn.Parameter(torch.zeros(3))
    two = TwoGradients([tensor])
    tensor.grad = torch.tensor([1.0, 2.0, 2.0]) * size
    two.unimodal = [torch.tensor([0.0, -1.0, 0.0]) * size]
    assert two.gram_numbers().tolist() == pytest.approx(
        [9 * size**2, size**2, -2 * size**2], rel=1e-6
    )


def test_gram_numbers_keep_what_float32_would_cancel():
    """A large and a small product of opposite sign, whose sum float32 rounds away."""
    tensor = nn.Parameter(torch.zeros(3))
    tensor.grad = torch.tensor([1e4, 1.0, 1e4])
    two = TwoGradients([tensor])
    two.unimodal = [torch.tensor([1e4, -1.0, -1e4])]
    assert two.gram_numbers()[2] == -1.0


def test_nothing_collected_is_zero():
    assert TwoGradients([nn.Parameter(torch.ones(2))]).gram_numbers().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.25, 2.0), (0.0, 0.0)])
def test_combine_writes_the_weighted_sum(pair, weights):
    tensors, losses = pair
    two = collect(tensors, losses)
    two.combine(*weights)
    first = weights[0] * 2 * tensors[0].detach() + weights[1] * 3
    torch.testing.assert_close(tensors[0].grad, first)
    torch.testing.assert_close(tensors[1].grad, torch.full((5,), weights[0]))
    assert tensors[2].grad is None
    assert two.unimodal == [None] * 3


def test_a_tensor_of_the_unimodal_objective_alone_gets_its_share():
    tensor = nn.Parameter(torch.ones(2))
    two = TwoGradients([tensor])
    with two.collect_unimodal():
        (3 * tensor).sum().backward()
    two.combine(0.5, 2.0)
    assert tensor.grad.tolist() == [6.0, 6.0]


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("in_unimodal", [True, False])
def test_what_is_not_finite_survives_weights_of_one(bad, in_unimodal):
    tensor = nn.Parameter(torch.ones(2))
    two = TwoGradients([tensor])
    tensor.grad = torch.tensor([1.0, 1.0 if in_unimodal else bad])
    two.unimodal = [torch.tensor([1.0, bad if in_unimodal else 1.0])]
    two.combine(1.0, 1.0)
    assert not math.isfinite(tensor.grad[1])


def test_missing_gradients_are_filled_where_the_other_objective_has_one(pair):
    tensors, losses = pair
    two = collect(tensors, losses)
    filled = two.fill_missing()
    assert [each.shape for each in filled] == [(4, 3), (5,)]
    assert filled[1].tolist() == [0.0] * 5
    assert tensors[2].grad is None

    alone = nn.Parameter(torch.ones(2))
    two = TwoGradients([alone])
    two.unimodal = [torch.ones(2)]
    two.fill_missing()
    assert alone.grad.tolist() == [0.0, 0.0]


def test_a_tensor_that_neither_reaches_still_has_no_gradient():
    tensor = nn.Parameter(torch.ones(2))
    assert TwoGradients([tensor]).fill_missing()[0].tolist() == [0.0, 0.0]
    assert tensor.grad is None


def test_an_error_in_a_backward_pass_leaves_no_gradients_exchanged():
    tensor = nn.Parameter(torch.ones(2))
    tensor.grad = torch.ones(2)
    two = TwoGradients([tensor])
    with pytest.raises(RuntimeError, match="stop"), two.collect_unimodal():
        raise RuntimeError("stop")
    assert tensor.grad.tolist() == [1.0, 1.0]


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


def test_each_tensor_comes_back_flat():
    values = read_together(
        torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64),
        torch.tensor(5.5, requires_grad=True),
        torch.ones(0),
        torch.tensor([7.0], dtype=torch.float16),
    )
    assert values == [[1.0, 2.0, 3.0, 4.0], [5.5], [], [7.0]]
