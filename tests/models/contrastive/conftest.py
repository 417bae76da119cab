import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from macbdf_mm.models.contrastive.feature_queue import FeatureSet
from macbdf_mm.models.contrastive.macl import MACL


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


@pytest.fixture
def random_clips(make_features):
    """Return a maker of video and audio sets with all labels and some rows missing."""

    def make(num=8, grad=False, dtype=torch.float64, num_ids=1000):
        labels = torch.randint(-1, 2, (2, num)).tolist()
        ids = torch.randint(0, num_ids, (num,)).tolist()
        valid = (torch.rand(2, num) < 0.9).tolist()
        return [make_features(labels[i], ids, valid[i], dtype=dtype, grad=grad) for i in range(2)]

    return make


@pytest.fixture
def filled_macl(random_clips):
    """Return a maker of a MACL in float64 whose queues of 20 slots have wrapped around once."""

    def make(**arguments):
        macl = MACL(embed_dims=8, queue_length=20, **{"num_negatives": 4, **arguments}).double()
        for _ in range(4):
            macl(*random_clips(num_ids=12))
            macl.advance()
        return macl

    return make


@pytest.fixture
def terms_of():
    """Return a function that stacks the four losses, (4,), in the order of their fields."""
    names = ("video_to_audio", "audio_to_video", "video_to_video", "audio_to_audio")
    return lambda losses: torch.stack([getattr(losses, name) for name in names])


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
