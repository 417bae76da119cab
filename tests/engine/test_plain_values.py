import enum
import io
from collections import OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from macbdf_mm.engine.plain_values import plain_message_hub, to_plain


def reload(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2]]), [[1, 2]]),
        (Path("a/b"), "a/b"),
        (deque([1, np.int64(2)]), [1, 2]),
        (OrderedDict(a=np.float64(1), b=(np.int32(2), None)), {"a": 1.0, "b": (2, None)}),
        ({np.int64(1): "x"}, {1: "x"}),
    ],
)
def test_values_become_plain_and_load_safely(value, plain):
    result = to_plain(value)
    assert result == plain
    assert type(result) is type(plain)
    assert reload(result) == plain


def test_tensors_stay():
    tensor = torch.ones(2)
    assert to_plain({"a": [tensor]})["a"][0] is tensor


def test_the_original_is_not_changed():
    value = {"a": [np.float64(1)]}
    to_plain(value)
    assert isinstance(value["a"][0], np.float64)


class Colour(enum.Enum):
    RED = 1


def test_anything_else_is_named():
    with pytest.raises(TypeError, match=r"got Colour at 'meta\.list\[1\]'"):
        to_plain({"list": [0, Colour.RED]}, "meta")


def test_message_hub_loses_its_curves_only():
    state = {
        "log_scalars": OrderedDict(loss=HistoryBuffer([1.0], [1])),
        "runtime_info": OrderedDict(best_score=np.float64(0.9), epoch=3),
        "resumed_keys": OrderedDict(loss=True, best_score=True, epoch=True),
    }
    plain = plain_message_hub(state)
    assert reload(plain) == {
        "log_scalars": {},
        "runtime_info": {"best_score": 0.9, "epoch": 3},
        "resumed_keys": {"best_score": True, "epoch": True},
    }
