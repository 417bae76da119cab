"""A tiny version of the demo's config, whose steps take a fraction of a second."""

from pathlib import Path

import pytest
from mmengine.config import Config

from benchmarks.settings import Settings

CONFIG = Path(__file__).parents[2] / "configs" / "macbdf_demo.py"


@pytest.fixture
def tiny_settings(tmp_path: Path) -> Settings:
    """Quick settings over a config with 32x32 pixels and a few channels."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.video_backbone.encoder.img_size = 32
    cfg.model.audio_backbone.encoder.num_frames = 64
    for tower in (cfg.model.video_backbone, cfg.model.audio_backbone):
        tower.encoder.update(embed_dims=24, depth=1, num_heads=2)
        tower.update(embed_dims=12, depth=1)
    if cfg.model.neck.type == "ContrastiveFusionNeck":
        cfg.model.neck.weights.num_heads = cfg.model.neck.fusion.num_heads = 2
    path = tmp_path / "tiny.py"
    cfg.dump(str(path))
    return Settings(config=path, is_quick=True)
