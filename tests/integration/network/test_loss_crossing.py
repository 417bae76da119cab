"""How much of one modality's frame loss reaches the other encoder, through the exchange.

OM-Pareto sums the unimodal losses before it differentiates, so this part counts as unimodal in
the other encoder. The share is the norm of a frame loss's gradient in the other encoder over
that in its own, for the network of tiny_detector.py on three batches. Measured: 0 where the
gates of the exchange are zero, as they start; 0.02 to 0.07 with gates of a standard deviation
of 0.02; 0.06 to 0.59 at 0.1; 0.18 to 4.0 for the paper's product.
"""

from pathlib import Path

import pytest
import torch

MODALITIES = ("video", "audio")


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import tiny_detector

    return tiny_detector


def crossing_shares(model, batch):
    """Return modality -> share of its frame loss's gradient that the other encoder gets."""
    losses = model(**model.data_preprocessor(batch, True), mode="loss")
    shares = {}
    for modality in MODALITIES:
        norms = {}
        for encoder in MODALITIES:
            parameters = model.get_submodule(f"{encoder}_backbone.encoder").parameters()
            gradients = torch.autograd.grad(
                losses[f"loss_frame_{modality}"],
                list(parameters),
                retain_graph=True,
                allow_unused=True,
            )
            there = [gradient.double().flatten() for gradient in gradients if gradient is not None]
            norms[encoder] = float(torch.cat(there).norm()) if there else 0.0
        own = norms.pop(modality)
        (other,) = norms.values()
        assert own > 0
        shares[modality] = other / own
    return shares


def make_model(parts, interaction, gate_deviation=0.0):
    model = parts.make_detector(interaction=interaction)
    parts.train_mode(model)
    torch.manual_seed(1)
    for name, parameter in model.neck.exchanges.named_parameters():
        if "gate" in name:
            parameter.data = gate_deviation * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize(
    ("interaction", "gate_deviation", "smallest", "largest"),
    [
        ("none", 0.0, 0.0, 0.0),
        ("gated", 0.0, 0.0, 0.0),
        ("gated", 0.02, 0.005, 0.15),
        ("gated", 0.1, 0.02, 1.0),
        ("product", 0.0, 0.1, 10.0),
    ],
)
def test_the_share_grows_with_the_gates(
    parts, record_property, interaction, gate_deviation, smallest, largest
):
    for seed in range(3):
        model = make_model(parts, interaction, gate_deviation)
        shares = crossing_shares(model, parts.make_batch(seed))
        record_property(f"share of the frame losses, batch {seed}", shares)
        for share in shares.values():
            assert smallest <= share <= largest
