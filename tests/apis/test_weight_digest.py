import copy
import hashlib

import pytest
import torch
from torch import nn

from macbdf_mm.apis.weight_digest import weight_digest


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_a_copy_has_the_same_digest(model):
    assert weight_digest(copy.deepcopy(model)) == weight_digest(model)
    assert len(weight_digest(model)) == 64


def test_one_bit_changes_it(model):
    before = weight_digest(model)
    with torch.no_grad():
        bits = model[0].weight.view(torch.int32)
        bits[1, 2] ^= 1
    assert weight_digest(model) != before


def test_buffers_count(model):
    before = weight_digest(model)
    model[1].num_batches_tracked += 1
    assert weight_digest(model) != before


def test_layout_in_memory_does_not_count(model):
    before = weight_digest(model)
    model[0].weight.data = model[0].weight.data.T.contiguous().T
    assert not model[0].weight.is_contiguous()
    assert weight_digest(model) == before


def test_types_without_a_numpy_twin():
    assert len(weight_digest(nn.Linear(2, 2).to(torch.bfloat16))) == 64


def test_definition():
    model = nn.Module()
    model.register_buffer("x", torch.tensor([1.0, 2.0]))
    text = b"x torch.float32 (2,)\n" + bytes.fromhex("0000803f00000040")
    assert weight_digest(model) == hashlib.sha256(text).hexdigest()
