import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from macbdf_mm.models.contrastive.feature_set import FeatureSet


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def make_features():
    """Return a maker of random unit embeddings with labels, clip ids and validity."""

    def make(labels, clip_ids=None, valid=None, dims=8, dtype=torch.float64, grad=False):
        num = len(labels)
        embeddings = F.normalize(torch.randn(num, dims, dtype=dtype), dim=1)
        ids = range(num) if clip_ids is None else clip_ids
        valid = [True] * num if valid is None else valid
        return FeatureSet(
            embeddings.requires_grad_(grad),
            torch.tensor(list(labels), dtype=torch.int64),
            torch.tensor(list(ids), dtype=torch.int64),
            torch.tensor(list(valid), dtype=torch.bool),
        )

    return make


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory):
    """Return what each of two gloo ranks saved; see two_ranks.py."""
    folder = tmp_path_factory.mktemp("two_ranks")
    script = Path(__file__).parent / "two_ranks.py"
    outputs = [folder / f"rank{rank}.pth" for rank in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, script, str(rank), "2", folder / "store", output],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in started]
    finally:
        for process in started:
            process.kill()  # a rank waits for ever for one that failed
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return [torch.load(output) for output in outputs]
