from types import SimpleNamespace

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import ConcatDataset, Subset

from macbdf_mm.engine.unwrap import bare_model, nested_datasets


def test_a_wrapper_is_taken_off(tmp_path):
    model = torch.nn.Linear(1, 1)
    assert bare_model(SimpleNamespace(model=model)) is model
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        assert bare_model(SimpleNamespace(model=DistributedDataParallel(model))) is model
    finally:
        torch.distributed.destroy_process_group()


def test_every_level_is_reached():
    first, second = [1, 2], [3]
    inner = Subset(first, [0])
    outer = ConcatDataset([inner, second])
    assert [id(item) for item in nested_datasets(outer)] == [
        id(item) for item in (outer, inner, first, second)
    ]
