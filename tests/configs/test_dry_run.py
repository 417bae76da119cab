"""A step at full size by each config for real data: its loader, model and wrapper, on small files.

The files are written here and grow to full size while loading.
"""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.engine.run_options import use_full_precision
from macbdf_mm.structures.labels import CATEGORIES, clip_label

CONFIGS = Path(__file__).parents[2] / "configs"
# Those in its folders differ from the one for DFDC in switches and in the data of the test.
REAL_DATA = sorted(path for path in CONFIGS.glob("macbdf_*.py") if "demo" not in path.stem)


@pytest.mark.slow
@pytest.mark.parametrize("path", REAL_DATA, ids=lambda path: path.stem)
def test_a_step_at_full_size(path, make_clip, tmp_path):
    rows = []
    # Two real ones: a training without fakes needs a batch of them.
    for index, labels in enumerate([*CATEGORIES, (0, 0)]):
        make_clip(f"{index}.mp4", seconds=1.0)
        rows.append(ClipRow(f"{index}.mp4", clip_label(*labels), *labels, split="train"))
    metainfo = {"dataset": "clips of a test", "faces": {"crops": {"size": 96}}}
    save_annotation(tmp_path / "annotation.json", metainfo, rows)
    torch.manual_seed(0)
    cfg = Config.fromfile(path)
    is_mixed = torch.cuda.is_available()
    if not is_mixed:
        use_full_precision(cfg)  # As a runner does.
    init_default_scope(cfg.default_scope)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False, timeout=0)
    cfg.train_dataloader.dataset.data_root = str(tmp_path)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    batch = next(filter(_has_both_classes, _batches(loader)))
    size = cfg.model.video_backbone.encoder.img_size
    assert batch["inputs"]["video"][0].shape == (3, 16, size, size)
    model = MODELS.build(cfg.model).train().to("cuda" if is_mixed else "cpu")
    before = {name: value.clone() for name, value in model.named_parameters()}
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10)
    log = model.train_step(batch, wrapper)
    assert all(torch.as_tensor(value).isfinite().all() for value in log.values())
    moved = [not torch.equal(value, before[name]) for name, value in model.named_parameters()]
    assert sum(moved) > 0.5 * len(moved)


def _batches(loader):
    """Yield the first batch of each of some epochs, which forge other clips."""
    for epoch in range(10):
        loader.dataset.set_epoch(epoch)
        yield next(iter(loader))


def _has_both_classes(batch):
    # A track of one class has no losses, and then most parameters stay.
    return len({int(sample.gt_label) for sample in batch["data_samples"]}) == 2
