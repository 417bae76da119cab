"""What needs no run; training itself is tested in tests/integration."""

import pytest
from mmengine.config import Config

from macbdf_mm.apis.train_model import rank_line, train_model
from macbdf_mm.errors import ConfigError


@pytest.mark.parametrize("key", ["model", "train_dataloader", "train_cfg", "optim_wrapper"])
def test_config_that_cannot_train(key):
    keys = ("model", "train_dataloader", "train_cfg", "optim_wrapper")
    cfg = Config({name: {} for name in keys if name != key})
    with pytest.raises(ConfigError, match=f"has no `{key}`, so it cannot train"):
        train_model(cfg)


def test_line_of_a_rank():
    assert rank_line("abc") == "rank 0: weights sha256 abc"
