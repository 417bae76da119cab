"""The state of MACL over steps: queues and temperature, several ranks, other devices.

Mutations of the package that were tried, each with a test that fails under it:

- dL/dtau without the quarter: test_tau_gradient_of_the_step_is_that_of_l_c
- audio queue not advanced: test_advance_writes_both_queues
- no gather, its gradient without the factor `num_ranks`, or of the wrong rows:
  test_two_ranks_equal_one_process
- written rows counted as one (feature_queue.py): test_feature_queue.py,
  test_wrap_around_equals_a_list_at_any_batch_size
"""

import copy
import runpy
from pathlib import Path

import pytest
import torch

from macbdf_mm.models.contrastive.embedding_projection import EmbeddingProjection
from macbdf_mm.models.contrastive.feature_queue import FeatureSet
from macbdf_mm.models.contrastive.macl import MACL, gather_rows

RANK_SCRIPT = Path(__file__).parent / "two_ranks.py"


def test_without_any_term_the_state_still_moves(random_clips):
    macl = MACL(embed_dims=8, queue_length=20, with_cross=False, with_intra=False).double()
    video, audio = random_clips(grad=True)
    losses = macl(video, audio)
    assert losses.total == 0
    losses.total.backward()
    macl.advance()
    assert macl.video_queue.valid.sum() == video.valid.sum()
    assert macl.temperature.history[1] > 0


def test_advance_writes_both_queues(random_clips):
    macl = MACL(embed_dims=8, queue_length=20)
    rows = dict(zip(("video", "audio"), random_clips(), strict=True))
    macl(**rows)
    macl.advance()
    for name, queue in (("video", macl.video_queue), ("audio", macl.audio_queue)):
        stored, given = queue.contents(), rows[name]
        expected = given.embeddings[given.valid].float()
        assert torch.equal(stored.embeddings[stored.valid], expected), name
        assert torch.equal(stored.labels[stored.valid], given.labels[given.valid]), name
        assert torch.equal(stored.clip_ids[stored.valid], given.clip_ids[given.valid]), name


@pytest.mark.holds("dL/dtau")
def test_tau_gradient_of_the_step_is_that_of_l_c(random_clips, filled_macl):
    macl = filled_macl()
    video, audio = random_clips()
    frozen = copy.deepcopy(macl).eval()

    def total(tau):
        frozen.temperature.tau.fill_(tau)
        return frozen(video, audio).total.item()

    tau, step = macl(video, audio).tau.item(), 1e-6
    macl.advance()
    difference = (total(tau + step) - total(tau - step)) / (2 * step)
    assert macl.temperature.tau_gradient.item() == pytest.approx(difference, rel=1e-5)


def test_forwards_of_one_step_read_the_same_state(random_clips, filled_macl, terms_of):
    macl = filled_macl()
    video, audio = random_clips()
    first = macl(video, audio)
    second = macl(video, audio)
    assert torch.equal(terms_of(first), terms_of(second))
    macl.advance()
    assert not torch.equal(terms_of(macl(video, audio)), terms_of(first))


def test_eval_freezes_everything(random_clips, filled_macl):
    macl = filled_macl().eval()
    before = copy.deepcopy(macl.state_dict())
    for _ in range(2):
        macl(*random_clips())
        macl.advance()
    for name, value in macl.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_skipped_step_leaves_the_state(random_clips, filled_macl):
    macl = filled_macl()
    before = copy.deepcopy(macl.state_dict())
    macl(*random_clips())
    macl.discard_staged()
    macl.advance()
    for name, value in macl.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_resumed_run_continues_exactly(random_clips, filled_macl, terms_of):
    macl = filled_macl()
    torch.nn.init.constant_(macl.temperature.beta, 0.7)
    resumed = MACL(embed_dims=8, queue_length=20, num_negatives=4).double()
    resumed.load_state_dict(copy.deepcopy(macl.state_dict()))
    for _ in range(4):
        clips = random_clips()
        assert torch.equal(terms_of(macl(*clips)), terms_of(resumed(*clips)))
        macl.advance()
        resumed.advance()
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, macl.state_dict()[name]), name


def test_forwards_that_nobody_advances_end_in_an_error(random_clips, filled_macl, monkeypatch):
    monkeypatch.setattr("macbdf_mm.models.contrastive.macl._MAX_STAGED_FORWARDS", 3)
    macl = filled_macl()
    for _ in range(3):
        macl(*random_clips())
    with pytest.raises(RuntimeError, match=r"`advance\(\)` after each optimiser step, got 3"):
        macl(*random_clips())
    macl.advance()
    macl(*random_clips())


def test_two_ranks_equal_one_process(two_ranks):
    expected = runpy.run_path(str(RANK_SCRIPT))["train"](rank=0, num_ranks=1)
    ranks = [rank["training"] for rank in two_ranks]
    assert (expected["losses"] > 0).any()
    for rank in ranks:
        # Sums of float32 in another order.
        torch.testing.assert_close(rank["losses"], expected["losses"], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(rank["gradients"], expected["gradients"], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(rank["state"], expected["state"], rtol=1e-4, atol=1e-6)
    # What is logged is that of all ranks' clips.
    assert torch.equal(ranks[0]["losses"], ranks[1]["losses"])
    for name, value in ranks[0]["state"].items():
        assert torch.equal(value, ranks[1]["state"][name]), name


ON_A_GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    ],
)


@pytest.mark.parametrize("device", ["cpu", ON_A_GPU])
def test_losses_and_state_are_those_of_float32_under_autocast_on_any_device(
    random_clips, terms_of, device
):
    plain = MACL(embed_dims=8, queue_length=20, num_negatives=4)
    moved = copy.deepcopy(plain).to(device)
    assert all(value.device.type == device for value in moved.state_dict().values())
    for _ in range(4):
        clips = random_clips(num_ids=12, dtype=torch.float32)
        expected = plain(*clips)
        with torch.autocast(device, torch.bfloat16):
            losses = moved(*(on_device(clip, device) for clip in clips))
        # Sums of float32 in another order, over temperatures down to 0.01.
        torch.testing.assert_close(terms_of(losses).cpu(), terms_of(expected), rtol=1e-4, atol=1e-5)
        plain.advance()
        moved.advance()
    for name, value in moved.state_dict().items():
        torch.testing.assert_close(value.cpu(), plain.state_dict()[name], rtol=1e-4, atol=1e-5)
    assert moved.video_queue.pointer > 0


def on_device(features, device):
    return FeatureSet(
        features.embeddings.to(device),
        features.labels.to(device),
        features.clip_ids.to(device),
        features.valid.to(device),
    )


def test_200_steps_at_a_high_learning_rate_stay_finite_and_in_bounds(random_clips):
    projection = EmbeddingProjection(4, embed_dims=8)
    macl = MACL(embed_dims=8, queue_length=16, num_negatives=4)
    optimizer = torch.optim.SGD([*projection.parameters(), *macl.parameters()], lr=10.0)
    mask = torch.ones(6, 1, dtype=torch.bool)
    for _ in range(200):
        facts = random_clips(num=6)
        maps = torch.randn(2, 6, 4, 1)
        rows = [
            FeatureSet(projection(m, mask), fact.labels, fact.clip_ids, fact.valid)
            for m, fact in zip(maps, facts, strict=True)
        ]
        losses = macl(*rows)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        macl.advance()
        assert losses.total.isfinite()
        assert 0.01 - 1e-6 <= losses.tau <= 0.5
    for name, value in macl.state_dict().items():
        assert value.isfinite().all(), name


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
