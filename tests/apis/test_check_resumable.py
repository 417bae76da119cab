import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from macbdf_mm.apis.check_resumable import check_resumable
from macbdf_mm.errors import CheckpointMismatchError

HUB = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}


class OneOptimizer:
    """The part of a runner that is asked."""

    def __init__(self, optimizer):
        self.optim_wrapper = OptimWrapper(optimizer)

    def build_optim_wrapper(self, wrapper):
        return wrapper


def made(kind=torch.optim.AdamW, **options):
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    optimizer = kind(net.parameters(), lr=0.1, **options)
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer


@pytest.fixture
def checkpoint():
    return {
        "meta": {"epoch": 1, "iter": 4},
        "message_hub": HUB,
        "optimizer": made().state_dict(),
        "param_schedulers": [{}],
    }


def check(checkpoint, optimizer=None):
    cfg = Config(dict(load_from="a.pth", param_scheduler=[dict(type="LinearLR")]))
    check_resumable(checkpoint, OneOptimizer(optimizer or made()), cfg)


def test_a_checkpoint_of_the_run_passes(checkpoint):
    check(checkpoint)
    checkpoint["optimizer"]["param_groups"][0].pop("amsgrad")  # As of another version of PyTorch.
    check(checkpoint)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": None}, "it has no `optimizer`, as the best checkpoints"),
        ({"meta": 5}, "its `meta` is not what MMEngine saves"),
        ({"meta": {"iter": 4}}, r"its `meta\.epoch` is not"),
        ({"meta": {"epoch": "x", "iter": 4}}, r"its `meta\.epoch` is not"),
        ({"meta": {"epoch": 1}}, r"its `meta\.iter` is not"),
        ({"meta": {"epoch": 1, "iter": 4, "seed": "x"}}, r"its `meta\.seed` is not"),
        ({"message_hub": {}}, r"its `message_hub\.log_scalars` is not"),
        ({"message_hub": "x"}, "its `message_hub` is not"),
        ({"optimizer": 5}, "its `optimizer` is not what MMEngine"),
        ({"optimizer": {}}, "its `optimizer` is not the state of an optimiser"),
        ({"param_schedulers": "x"}, "its `param_schedulers` is not"),
        (
            {"param_schedulers": []},
            "it has the state of 0 schedulers, and `param_scheduler` names 1",
        ),
        ({"param_schedulers": [5]}, "it has the state of 1 schedulers"),
    ],
)
def test_what_is_missing_or_odd_is_named(checkpoint, changes, message):
    checkpoint.update(changes)
    if changes.get("optimizer", 0) is None:
        del checkpoint["optimizer"]
    with pytest.raises(CheckpointMismatchError, match=rf"Cannot resume from 'a\.pth': {message}"):
        check(checkpoint)


def test_another_optimiser_is_refused(checkpoint):
    with pytest.raises(CheckpointMismatchError, match="another optimiser, which has no `momentum`"):
        check(checkpoint, made(torch.optim.SGD))


def test_other_groups_are_refused(checkpoint):
    net = torch.nn.Linear(3, 2)
    groups = [dict(params=[net.weight]), dict(params=[net.bias], weight_decay=0.0)]
    with pytest.raises(CheckpointMismatchError, match=r"has 1 groups of 2 .*config 2 groups of 2"):
        check(checkpoint, torch.optim.AdamW(groups))


def test_state_of_another_shape_is_refused(checkpoint):
    checkpoint["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointMismatchError, match=r"`exp_avg` .*shape \(3,\) .*shape \(2, 3\)"):
        check(checkpoint)
