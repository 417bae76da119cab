"""The config of docs/loading.md, as it stands there, on real files."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.samplers import BalancedSampler

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def cfg(tmp_path):
    """The documented config, with the data in a folder of the test and in this process."""
    page = (REPOSITORY / "docs" / "loading.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "loading.py"
    path.write_text(block.replace('"configs/', f'"{REPOSITORY}/configs/'))
    cfg = Config.fromfile(path)
    for part in ("train", "test"):
        loader = cfg[f"{part}_dataloader"]
        loader.update(num_workers=0, persistent_workers=False, timeout=0, batch_size=4)
        loader.dataset.data_root = str(tmp_path)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture
def data(make_clip, tmp_path):
    """Five real clips, one of them damaged, and a fake to train on; a long clip to test."""
    rows = []
    for index in range(6):
        make_clip(f"train_{index}.mp4", seconds=2.6)
        label = int(index == 0)
        rows.append(ClipRow(f"train_{index}.mp4", label, label, label, split="train"))
    (tmp_path / "train_5.mp4").write_bytes(b"")
    make_clip("long.mp4", seconds=14.0)
    rows.append(ClipRow("long.mp4", 0, 0, 0, split="test", duration_seconds=14.0))
    save_annotation(tmp_path / "annotation.json", {"dataset": "d"}, rows)


def test_training_is_balanced_and_goes_on_past_a_damaged_file(data, cfg):
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    assert isinstance(loader.sampler, BalancedSampler)
    assert loader.dataset._process.time_limit_seconds == 30.0
    samples = [sample for batch in loader for sample in batch["data_samples"]]
    assert len(samples) == 4  # Six clips make three blocks of two; drop_last.
    counts = Counter(int(sample.clip_label) for sample in samples)
    assert counts == {0: 2, 1: 2}
    for index in range(6):
        loader.dataset[index]
    assert loader.dataset.skipped_files == ["train_5.mp4"]


def test_a_long_clip_is_covered_without_a_gap(data, cfg):
    loader = Runner.build_dataloader(cfg.test_dataloader, seed=0)
    samples = [sample for batch in loader for sample in batch["data_samples"]]
    spans = [sample.span_seconds for sample in samples]
    assert len(spans) == 43  # Half a window of 0.64 s apart.
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(14.0)
    assert all(later[0] <= former[1] for former, later in pairwise(spans))
