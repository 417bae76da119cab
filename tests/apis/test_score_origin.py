"""What a score file says of how it was made."""

import hashlib
import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import ConcatDataset, DataLoader

from macbdf_mm.apis.score_origin import score_origin, state_origin
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.evaluation.metrics import ForgeryMetric


def dataset(folder, name, files=("a.mp4", "b.mp4"), **metainfo):
    rows = [ClipRow(file, 0, 0, 0, split="test", duration_seconds=1.0) for file in files]
    path = folder / f"{name}.json"
    save_annotation(path, {"dataset": name, **metainfo}, rows)
    return AudioVisualForgeryDataset(
        str(path), split="test", check_files=False, decode_time_limit_seconds=None
    )


def runner_of(*datasets, model=None, cfg=None, metrics=()):
    """The parts of a runner that are looked at, with real data sets, weights and metrics."""
    loop = SimpleNamespace(
        dataloader=DataLoader(ConcatDataset(datasets)),
        evaluator=SimpleNamespace(metrics=list(metrics)),
    )
    model = model or torch.nn.Linear(2, 1)
    return SimpleNamespace(test_loop=loop, model=model, cfg=cfg or Config({"model": {"a": 1}}))


def test_digests_are_those_of_weights_annotations_split_and_config(tmp_path):
    one, two = dataset(tmp_path, "one"), dataset(tmp_path, "two", ["b.mp4"])
    model = torch.nn.Linear(2, 1)
    cfg = Config({"model": {"b": 2, "a": 1}, "work_dir": "x"})
    found = score_origin(runner_of(one, two, model=model, cfg=cfg))
    assert found["weights_sha256"] == weight_digest(model)
    assert found["annotations"] == {
        str(tmp_path / f"{name}.json"): hashlib.sha256(
            (tmp_path / f"{name}.json").read_bytes()
        ).hexdigest()
        for name in ("one", "two")
    }
    lines = [["one", "a.mp4", None], ["one", "b.mp4", None], ["two", "b.mp4", None]]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert found["split_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    parts = (
        '{"custom_imports": null, "data_preprocessor": null, "model": {"a": 1, "b": 2}, '
        '"test_dataloader": null}'
    )
    assert found["config_sha256"] == hashlib.sha256(parts.encode()).hexdigest()
    assert {"torch", "macbdf_mm"} < set(found["versions"])
    json.dumps(found)


def test_each_digest_follows_what_it_is_of(tmp_path):
    one = dataset(tmp_path, "one")
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    before = score_origin(runner_of(one, model=model))
    # The folder of the run is no part of what scores depend on.
    same = Config({"model": {"a": 1}, "work_dir": "elsewhere"})
    assert score_origin(runner_of(one, model=model, cfg=same)) == before
    with torch.no_grad():
        model.bias += 1
    (tmp_path / "sub").mkdir()
    other_files = dataset(tmp_path / "sub", "one", ["a.mp4", "c.mp4"])
    other = Config({"model": {"a": 2}})
    after = score_origin(runner_of(other_files, model=model, cfg=other))
    for name in ("weights_sha256", "split_sha256", "config_sha256", "annotations"):
        assert after[name] != before[name], name


@pytest.mark.parametrize(
    ("metainfos", "expected"),
    [
        ([{}], None),
        ([{"synthetic": False}], False),
        ([{"synthetic": False}, {"synthetic": True}], True),
        ([{}, {"synthetic": True}], True),
    ],
)
def test_rendered_clips_are_owned_up_to(tmp_path, metainfos, expected):
    datasets = [dataset(tmp_path, f"d{k}", **own) for k, own in enumerate(metainfos)]
    assert score_origin(runner_of(*datasets))["synthetic"] is expected


def test_metrics_that_write_a_file_are_told(tmp_path):
    writing = ForgeryMetric(out_file=str(tmp_path / "scores.jsonl"))
    silent = ForgeryMetric()
    runner = runner_of(dataset(tmp_path, "one"), metrics=[silent, writing])
    state_origin(runner)
    assert writing.origin == score_origin(runner)
    assert silent.origin == writing.origin, "all metrics of a test have one origin"
    alone = ForgeryMetric()
    state_origin(runner_of(dataset(tmp_path, "two"), metrics=[alone]))
    assert alone.origin == {}, "nothing is hashed for nobody"
