"""Tracks whose known labels are of one class, as where fakes are known by the clip alone."""

from pathlib import Path

import pytest
import torch

ENCODERS = ("video", "audio")


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import tiny_detector

    return tiny_detector


def without_known_fakes(batch):
    """Make the tracks of clips that are not known to be real unknown."""
    for sample in batch["data_samples"]:
        for track in ENCODERS:
            for name in (f"gt_{track}_label", f"gt_{track}_steps"):
                label = sample.get(name)
                setattr(sample, name, torch.where(label == 1, -1, label))
    return batch


def losses_of(model, batch):
    return model(**model.data_preprocessor(batch, True), mode="loss")


def encoder_gradients(model, loss):
    parameters = [
        parameter
        for name in ENCODERS
        for parameter in model.get_submodule(f"{name}_backbone.encoder").parameters()
    ]
    return torch.autograd.grad(loss, parameters, retain_graph=True)


def test_the_encoders_follow_the_overall_loss_alone(parts):
    model = parts.make_detector()
    parts.train_mode(model)
    losses = losses_of(model, without_known_fakes(parts.make_batch(0)))
    learned = {name: loss for name, loss in losses.items() if name.startswith("loss")}
    assert {name for name, loss in learned.items() if loss != 0} == {"loss_overall"}
    overall = encoder_gradients(model, losses["loss_overall"])
    total = encoder_gradients(model, sum(learned.values()))
    assert all(torch.equal(a, b) for a, b in zip(total, overall, strict=True))
    assert any(gradient.any() for gradient in overall)


def test_om_pareto_takes_the_plain_sum(parts):
    """The unimodal gradient is exactly zero, so it cannot be stretched."""
    model = parts.make_detector()
    parts.train_mode(model)
    wrapper = parts.OMParetoOptimWrapper(
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05), **parts.OM_PARETO
    )
    model.train_step(without_known_fakes(parts.make_batch(0)), wrapper)
    solved = wrapper.take_solved()
    assert set(solved) == set(ENCODERS)
    for weights in solved.values():
        assert weights.norm_u == 0 < weights.norm_m
        assert (weights.weight_m, weights.weight_u) == (1.0, 1.0)


def test_both_classes_train_as_without_the_mask_and_so_does_a_resumed_training(parts):
    model = parts.make_detector()
    parts.train_mode(model)
    losses_of(model, parts.make_batch(1))
    resumed, literal = parts.make_detector(), parts.make_detector()
    resumed.load_state_dict(model.state_dict())
    literal.load_state_dict(model.state_dict())
    literal.head.mask_one_class = literal.frame_head.mask_one_class = False
    found = []
    for each in (model, resumed, literal):
        parts.train_mode(each)
        found.append(losses_of(each, without_known_fakes(parts.make_batch(0))))
    for name, loss in found[0].items():
        assert torch.equal(loss, found[1][name]), name
        assert torch.equal(loss, found[2][name]), name
    assert min(found[0][f"loss_{name}"] for name in ("video", "audio", "frame_video")) > 0
