from types import SimpleNamespace

import torch
from torch.nn.parallel import DistributedDataParallel

from macbdf_mm.engine.bare_model import bare_model


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
