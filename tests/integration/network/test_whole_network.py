"""The whole network in training: several ranks, high learning rates, a stop and a resume.

Mutations of the package that were tried, each of which fails a test here: the masked losses
divided by the count of their own rank; embeddings not gathered over the ranks; frames and clip
losses not averaged over the ranks by the OM-Pareto wrapper.
"""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper

FOLDER = Path(__file__).parent


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import tiny_detector

    return tiny_detector


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two ranks saved; see two_ranks.py."""
    folder = tmp_path_factory.mktemp("network_ranks")
    outputs = [folder / f"rank{rank}.pth" for rank in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, FOLDER / "two_ranks.py", str(rank), folder / "store", output],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()  # a rank waits for ever for one that failed
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return [torch.load(output) for output in outputs]


@pytest.mark.parametrize("method", [None, "om_pareto"])
def test_two_ranks_equal_one_process(ranks, parts, method):
    """Weights, queues, temperature, clusters and losses after steps with unequal content."""
    expected = parts.train(method, num_steps=8)
    first, second = (rank[method] for rank in ranks)
    assert expected["state"]["neck.video_clusters.is_ready"]
    for name, value in expected["state"].items():
        assert torch.equal(first["state"][name], second["state"][name]), name
        # Sums of float32 in another order, over eight steps.
        torch.testing.assert_close(
            first["state"][name], value, rtol=2e-3, atol=2e-4, msg=lambda m, n=name: f"{n}: {m}"
        )
    for step, losses in enumerate(expected["losses"]):
        for name, value in losses.items():
            both = (first["losses"][step][name] + second["losses"][step][name]) / 2
            torch.testing.assert_close(both, value, rtol=2e-3, atol=2e-4)


def test_each_rank_trains_the_weights(ranks, parts):
    """The comparison above would hold for weights that never move."""
    start = parts.make_detector().state_dict()
    moved = [n for n, v in ranks[0]["om_pareto"]["state"].items() if not torch.equal(v, start[n])]
    assert len(moved) > 0.8 * len(start)


ON_A_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize(
    ("device", "wrapper"),
    [("cpu", OptimWrapper), pytest.param("cuda", AmpOptimWrapper, marks=ON_A_GPU)],
)
@pytest.mark.parametrize("interaction", ["gated", "product"])
def test_200_steps_at_ten_times_the_learning_rate_stay_finite(parts, device, wrapper, interaction):
    model = parts.make_detector(interaction=interaction).to(device).train()
    wrapper = wrapper(optimizer=torch.optim.AdamW(model.parameters(), lr=1e-2))
    for step in range(200):
        log = model.train_step(parts.make_batch(step % 5), wrapper)
        assert all(value.isfinite() for value in log.values()), (step, log)
        model.neck.advance()
        if step % 20 == 10:
            model.neck.fit_clusters(seed=0)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    samples = model.eval().test_step(parts.make_batch(0))
    assert all(sample.pred_scores[0].isfinite() for sample in samples)


def test_a_training_continues_from_its_saved_state_exactly(parts, tmp_path):
    def steps(model, optimizer, numbers):
        parts.train_mode(model)
        for number in numbers:
            model.train_step(parts.make_batch(number), OptimWrapper(optimizer))
            model.neck.advance()
        model.neck.fit_clusters(seed=0)

    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=0.05)

    model = parts.make_detector()
    steps(model, sgd(model), range(4))
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    steps(model, sgd(model), range(4, 8))
    resumed = parts.make_detector()
    resumed.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    steps(resumed, sgd(resumed), range(4, 8))
    for name, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_evaluation_leaves_every_buffer_as_it_is(parts):
    model = parts.make_detector()
    parts.train_mode(model)
    for step in range(4):
        model.train_step(
            parts.make_batch(step), OptimWrapper(torch.optim.SGD(model.parameters(), 0.05))
        )
        model.neck.advance()
    model.neck.fit_clusters(seed=0)
    before = copy.deepcopy(model.state_dict())
    model.eval().test_step(parts.make_batch(9))
    with torch.no_grad():
        model(**model.data_preprocessor(parts.make_batch(9)), mode="loss")
    model.neck.advance()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
