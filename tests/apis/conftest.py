"""A run that was trained on nothing: config and checkpoint as the runner leaves them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.load_model import build_model

CONFIG = Path(__file__).parents[2] / "configs" / "macbdf_demo.py"


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a work folder with ``macbdf_demo.py`` and ``best_epoch_1.pth``."""
    folder = tmp_path_factory.mktemp("run")
    cfg = Config.fromfile(str(CONFIG))
    torch.manual_seed(0)
    model = build_model(cfg)
    model.decision_threshold.copy_(torch.tensor([0.5, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    cfg.dump(str(folder / CONFIG.name))
    save_checkpoint(folder / "best_epoch_1.pth", model.state_dict())
    return folder


def save_checkpoint(path: Path, state_dict: dict[str, torch.Tensor], **training_data) -> Path:
    """Save weights as the checkpoint hook does."""
    data = {"dataset": "demo", "synthetic": True} | training_data
    meta = {"epoch": 1, "seed": 0, "training_data": data}
    torch.save({"meta": meta, "state_dict": state_dict}, path)
    return path


@pytest.fixture
def write_checkpoint() -> Callable[..., Path]:
    """The function that saves weights as the checkpoint hook does."""
    return save_checkpoint
