"""onnxruntime gives the predictions of PyTorch, of real files."""

import json
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.apis.release import DIGESTS, ONNX
from macbdf_mm.apis.write_release import write_release
from macbdf_mm.errors import ConfigError, MissingBackendError, MissingDataError
from macbdf_mm.evaluation.functional.real_windows import RealWindows

pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")


def make_run(folder, run_dir, write_checkpoint, depth):
    """Return config and checkpoint of a demo model with fewer layers."""
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    cfg.model.video_backbone.depth = cfg.model.audio_backbone.depth = depth
    torch.manual_seed(0)
    model = build_model(cfg)
    model.decision_threshold.copy_(torch.tensor([0.5, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    model.real_windows.copy_(torch.from_numpy(RealWindows.unfitted().values))
    return cfg, write_checkpoint(folder / "weights.pth", model.state_dict())


@pytest.fixture(scope="module")
def release(tmp_path_factory, run_dir, write_checkpoint):
    """Tracing takes seconds a layer, so there is one of six."""
    folder = tmp_path_factory.mktemp("onnx")
    return write_release(*make_run(folder, run_dir, write_checkpoint, 1), folder / "r", onnx=True)


@pytest.fixture(scope="module")
def inferencers(release):
    return [
        ForgeryInferencer(release, device="cpu", show_progress=False, runtime=runtime)
        for runtime in ("pytorch", "onnx")
    ]


def predict(inferencer, path, **arguments):
    [prediction] = inferencer(path, **arguments)["predictions"]
    return prediction


def assert_alike(one, other):
    """All numbers agree to 1e-4, and all else is the same."""
    for key in ("windows", "steps", "scores"):
        a, b = (json.dumps(item[key]).replace("null", "NaN") for item in (one, other))
        flat = [
            np.concatenate([np.ravel(values) for values in _arrays(json.loads(text))])
            for text in (a, b)
        ]
        np.testing.assert_allclose(*flat, atol=1e-4)
    assert len(one["intervals"]) == len(other["intervals"])
    for key in ("verdict", "thresholds", "warnings", "unusable", "status", "error"):
        assert one[key] == other[key]


def _arrays(values):
    return list(values.values()) if isinstance(values, dict) else values


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_file_gets_the_prediction_of_pytorch(inferencers, make_clip, batch_size):
    path = make_clip(seconds=3.0, sound_seconds=1.9)
    one, other = (predict(item, path, batch_size=batch_size) for item in inferencers)
    assert one["scores"]["overall"] is not None
    assert one["intervals"]
    assert_alike(one, other)


@pytest.mark.parametrize(
    "options", [{"with_sound": False}, {"with_video": False}, {"silent": True}]
)
def test_a_track_that_is_missing_has_no_score(inferencers, make_clip, options):
    path = make_clip("clip.mkv", seconds=1.5, **options)
    one, other = (predict(item, path) for item in inferencers)
    assert [track for track, score in one["scores"].items() if score is None]
    assert_alike(one, other)


def test_no_model_of_pytorch_is_built(release, monkeypatch):
    monkeypatch.setattr("macbdf_mm.apis.forgery_inferencer.build_model", None)
    ForgeryInferencer(release, device="cpu", runtime="onnx")


def test_half_precision_is_for_pytorch(release):
    with pytest.raises(ConfigError, match=r"--amp .* is for PyTorch"):
        ForgeryInferencer(release, device="cpu", runtime="onnx", amp=True)


def test_a_device_that_onnxruntime_cannot_use_is_named(release):
    with pytest.raises(ConfigError, match="'cuda:7' cannot be used with --runtime onnx"):
        ForgeryInferencer(release, device="cuda:7", runtime="onnx")


def test_weights_alone_have_no_onnx(run_dir):
    paths = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    with pytest.raises(ConfigError, match=r"needs a release folder with model\.onnx"):
        ForgeryInferencer(*paths, device="cpu", runtime="onnx")


def test_a_release_without_it_says_how_to_make_one(release, tmp_path):
    copy = shutil.copytree(release, tmp_path / "copy")
    lines = (copy / DIGESTS).read_text().splitlines(keepends=True)
    (copy / DIGESTS).write_text("".join(line for line in lines if ONNX not in line))
    with pytest.raises(MissingDataError, match=r"has no 'model\.onnx': .* make it again with"):
        ForgeryInferencer(copy, device="cpu", runtime="onnx")


def test_without_onnxruntime_one_sentence_says_what_to_install(release, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingBackendError, match=r"pip install 'macbdf_mm\[onnx\]'"):
        ForgeryInferencer(release, device="cpu", runtime="onnx")


@pytest.mark.slow  # Tracing and translating six layers take a minute or two.
def test_the_whole_network_as_onnx(run_dir, write_checkpoint, tmp_path, make_clip):
    run = make_run(tmp_path, run_dir, write_checkpoint, 6)
    release = write_release(*run, tmp_path / "release", onnx=True)
    path = make_clip(seconds=2.0)
    assert_alike(
        *(
            predict(ForgeryInferencer(release, device="cpu", runtime=runtime), path)
            for runtime in ("pytorch", "onnx")
        )
    )
