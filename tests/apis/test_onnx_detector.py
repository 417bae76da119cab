"""onnxruntime gives the predictions of PyTorch, of real files.

Exporting takes a minute, so the wiring is tested with a small graph that is written out here.
"""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import build_model, load_checkpoint
from macbdf_mm.apis.onnx_detector import OnnxDetector
from macbdf_mm.apis.release import DIGESTS, ONNX, file_digest
from macbdf_mm.apis.write_release import write_release
from macbdf_mm.errors import (
    ConfigError,
    MissingBackendError,
    MissingDataError,
    NonFiniteScoreError,
)
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

onnx, *_ = (
    pytest.importorskip(name, reason="the extra `onnx` is not installed")
    for name in ("onnx", "onnxscript", "onnxruntime")
)


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


def sign(folder):
    """Write the digests of the files as they are now."""
    names = sorted(path.name for path in folder.iterdir() if path.name != DIGESTS)
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in names]
    (folder / DIGESTS).write_text("".join(lines))


@pytest.fixture(scope="module")
def made(tmp_path_factory, run_dir):
    """A release whose ONNX scores the loudness, with steps from the mask of the frames."""
    node, value, kinds = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        [
            node("Abs", ["waveform"], ["loud"]),
            node("ReduceMean", ["loud", "axes"], ["mean"], keepdims=1),
            node("Concat", ["mean", "mean", "mean"], ["scores"], axis=1),
            node("Cast", ["video_mask"], ["frames"], to=kinds.FLOAT),
            node("Slice", ["frames", "zero", "eight", "axes"], ["video_steps"]),
            node("Slice", ["frames", "zero", "eight", "axes"], ["audio_steps"]),
        ],
        "made",
        [
            value("video", kinds.UINT8, ["B", 3, 16, 64, 64]),
            value("video_mask", kinds.BOOL, ["B", 16]),
            value("waveform", kinds.FLOAT, ["B", "S"]),
            value("audio_mask", kinds.BOOL, ["B", "S"]),
        ],
        [value("scores", kinds.FLOAT, ["B", 3])]
        + [value(f"{track}_steps", kinds.FLOAT, ["B", 8]) for track in ("video", "audio")],
        [
            onnx.numpy_helper.from_array(np.array([number]), name)
            for name, number in (("axes", 1), ("zero", 0), ("eight", 8))
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    folder = tmp_path_factory.mktemp("made") / "release"
    write_release(load_config(run_dir / "macbdf_demo.py"), run_dir / "best_epoch_1.pth", folder)
    model.ir_version = 10
    onnx.save(model, folder / ONNX)
    sign(folder)
    return folder


def drawn_batch(size, num_samples=20_480):
    generator = torch.Generator().manual_seed(size)
    inputs = {
        "video": [torch.zeros(3, 16, 64, 64, dtype=torch.uint8)] * size,
        "video_mask": [torch.rand(16, generator=generator) < 0.5 for _ in range(size)],
        "waveform": [torch.rand(num_samples, generator=generator) for _ in range(size)],
        "audio_mask": [torch.ones(num_samples, dtype=torch.bool)] * size,
    }
    return {"inputs": inputs, "data_samples": [ForgeryDataSample() for _ in range(size)]}


@pytest.mark.parametrize("size", [1, 8])
def test_a_batch_becomes_samples(made, size):
    detector = OnnxDetector(made / "model.safetensors", load_checkpoint(made)["state_dict"])
    batch = drawn_batch(size)
    samples = detector.test_step(batch)
    for index, sample in enumerate(samples):
        expected = batch["inputs"]["waveform"][index].abs().mean().expand(3)
        torch.testing.assert_close(sample.pred_scores, expected)
        mask = batch["inputs"]["video_mask"][index][:8].float()
        torch.testing.assert_close(sample.pred_video_steps, mask)
    assert len(samples) == size
    assert detector.decision_threshold.tolist() == pytest.approx([0.5, 0.4, 0.6])


def test_a_score_that_is_no_number_is_an_error(made):
    detector = OnnxDetector(made / "model.safetensors", load_checkpoint(made)["state_dict"])
    batch = drawn_batch(2)
    batch["inputs"]["waveform"][1][7] = torch.nan
    with pytest.raises(NonFiniteScoreError, match="gave no number"):
        detector.test_step(batch)
    with pytest.raises(NotImplementedError, match="predicts alone"):
        detector({}, [], mode="loss")


def test_a_file_is_scored_without_a_model_of_pytorch(made, make_clip, monkeypatch):
    monkeypatch.setattr("macbdf_mm.apis.forgery_inferencer.build_model", None)
    inferencer = ForgeryInferencer(made, device="cpu", runtime="onnx", show_progress=False)
    prediction = predict(inferencer, make_clip(seconds=1.3))
    assert (prediction["status"], prediction["error"]) == ("ok", None)
    assert prediction["thresholds"] == pytest.approx({"overall": 0.5, "video": 0.4, "audio": 0.6})
    # A sine of 0.4.
    assert prediction["scores"]["overall"] == pytest.approx(0.4 * 2 / np.pi, abs=0.01)


@pytest.fixture(scope="module")
def inferencers(tmp_path_factory, run_dir, write_checkpoint):
    """Of PyTorch and of onnxruntime, with one layer of six: tracing takes seconds a layer."""
    folder = tmp_path_factory.mktemp("onnx")
    run = make_run(folder, run_dir, write_checkpoint, 1)
    release = write_release(*run, folder / "release", onnx=True)
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


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_file_gets_the_prediction_of_pytorch(inferencers, make_clip, batch_size):
    path = make_clip(seconds=3.0, sound_seconds=1.9)
    one, other = (predict(item, path, batch_size=batch_size) for item in inferencers)
    assert one["scores"]["overall"] is not None
    assert one["intervals"]
    assert_alike(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"with_sound": False}, {"with_video": False}, {"silent": True}]
)
def test_a_track_that_is_missing_has_no_score(inferencers, make_clip, options):
    path = make_clip("clip.mkv", seconds=1.5, **options)
    one, other = (predict(item, path) for item in inferencers)
    assert [track for track, score in one["scores"].items() if score is None]
    assert_alike(one, other)


def test_half_precision_is_for_pytorch(made):
    with pytest.raises(ConfigError, match=r"--amp .* is for PyTorch"):
        ForgeryInferencer(made, device="cpu", runtime="onnx", amp=True)


def test_a_device_that_onnxruntime_cannot_use_is_named(made):
    with pytest.raises(ConfigError, match="'cuda:7' cannot be used with --runtime onnx"):
        ForgeryInferencer(made, device="cuda:7", runtime="onnx")


def test_weights_alone_have_no_onnx(run_dir):
    paths = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    with pytest.raises(ConfigError, match=r"needs a release folder with model\.onnx"):
        ForgeryInferencer(*paths, device="cpu", runtime="onnx")


def test_a_release_without_it_says_how_to_make_one(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "copy")
    lines = (copy / DIGESTS).read_text().splitlines(keepends=True)
    (copy / DIGESTS).write_text("".join(line for line in lines if ONNX not in line))
    with pytest.raises(MissingDataError, match=r"has no 'model\.onnx': .* make it again with"):
        ForgeryInferencer(copy, device="cpu", runtime="onnx")


def test_without_onnxruntime_one_sentence_says_what_to_install(made, monkeypatch):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "onnxruntime" else find_spec(name)
    )
    with pytest.raises(MissingBackendError, match=r"pip install 'macbdf_mm\[onnx\]'"):
        ForgeryInferencer(made, device="cpu", runtime="onnx")


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
