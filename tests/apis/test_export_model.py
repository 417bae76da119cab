"""Exported files are opened without this package's code, and give the detector's scores."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.export_model import ScoringModel, example_inputs, export_model
from macbdf_mm.apis.load_model import build_model, load_checkpoint
from macbdf_mm.errors import ConfigError, MissingBackendError, UnwritableFileError

_SCORE = """
import sys, torch
inputs = torch.load(sys.argv[2])
scores = torch.export.load(sys.argv[1]).module()(**inputs)
assert not any(name.startswith(("macbdf_mm", "mmengine")) for name in sys.modules)
torch.save(scores, sys.argv[3])
"""


@pytest.fixture(scope="module")
def cfg():
    """The demo's config with one layer of six, since tracing takes seconds a layer."""
    cfg = Config.fromfile(Path(__file__).parents[2] / "configs" / "macbdf_demo.py")
    cfg.model.video_backbone.depth = cfg.model.audio_backbone.depth = 1
    return cfg


@pytest.fixture(scope="module")
def scoring_model(cfg):
    torch.manual_seed(0)
    return ScoringModel(build_model(cfg))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, write_checkpoint, scoring_model):
    path = tmp_path_factory.mktemp("run") / "epoch_1.pth"
    return write_checkpoint(path, scoring_model.detector.state_dict())


def draw_inputs(cfg, num_clips):
    inputs = {name: tensor[:1] for name, tensor in example_inputs(cfg).items()}
    torch.manual_seed(num_clips)
    masks = {
        "video_mask": torch.rand(num_clips, inputs["video_mask"].shape[1]) < 0.9,
        "audio_mask": torch.ones(num_clips, inputs["audio_mask"].shape[1], dtype=torch.bool),
    }
    return {
        "video": torch.randint(0, 256, (num_clips, *inputs["video"].shape[1:]), dtype=torch.uint8),
        "waveform": torch.randn(num_clips, inputs["waveform"].shape[1]) / 10,
        **masks,
    }


def test_example_has_the_sizes_of_the_test_pipeline(cfg):
    shapes = {name: tuple(tensor.shape) for name, tensor in example_inputs(cfg).items()}
    samples = round(cfg.span_seconds * 16_000)
    assert shapes == {
        "video": (2, 3, 16, 64, 64),
        "video_mask": (2, 16),
        "waveform": (2, samples),
        "audio_mask": (2, samples),
    }


def test_scoring_model_scores_as_the_detector_predicts(cfg, scoring_model):
    inputs = draw_inputs(cfg, 2)
    lists = {"inputs": {name: list(tensor) for name, tensor in inputs.items()}}
    detector = scoring_model.detector
    with torch.no_grad():
        samples = detector(**detector.data_preprocessor(lists), mode="predict")
        scores = scoring_model(**inputs)
    expected = torch.stack([sample.pred_scores for sample in samples])
    torch.testing.assert_close(scores, expected)


@pytest.mark.slow  # a dozen seconds of export; the detector's own scores are tested above
def test_program_runs_without_this_package(tmp_path, cfg, checkpoint, scoring_model):
    out = export_model(cfg, checkpoint, "program", tmp_path / "x" / "model.pt2")
    inputs = draw_inputs(cfg, 3)
    torch.save(inputs, tmp_path / "inputs.pt")
    command = [sys.executable, "-c", _SCORE, out, tmp_path / "inputs.pt", tmp_path / "scores.pt"]
    subprocess.run(command, check=True, cwd=tmp_path, env={"PATH": ""})
    with torch.no_grad():
        expected = scoring_model(**inputs)
    torch.testing.assert_close(torch.load(tmp_path / "scores.pt"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # Tracing and translating take a minute or two.
def test_onnx_gives_the_scores_of_the_detector(tmp_path, cfg, checkpoint, scoring_model):
    onnx = pytest.importorskip("onnx")
    reference, run = (pytest.importorskip(f"onnx.reference{end}") for end in ("", ".op_run"))

    class GatherElements(run.OpRun):
        """That of the reference fails where an index has other sizes than the data."""

        op_domain = ""

        def _run(self, data, indices, axis=None):
            return (np.take_along_axis(data, indices, axis),)

    out = export_model(cfg, checkpoint, "onnx", tmp_path / "model.onnx")
    model = onnx.load(out)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 20)]
    inputs = draw_inputs(cfg, 3)
    inputs["audio_mask"][1, 5000:9000] = False
    evaluator = reference.ReferenceEvaluator(model, new_ops=[GatherElements])
    [scores] = evaluator.run(["scores"], {name: t.numpy() for name, t in inputs.items()})
    with torch.no_grad():
        expected = scoring_model(**inputs)
    torch.testing.assert_close(torch.from_numpy(scores), expected, rtol=0, atol=1e-4)


def test_onnx_without_its_packages_says_what_to_install(tmp_path, cfg, checkpoint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingBackendError, match=r"pip install 'macbdf_mm\[onnx\]'"):
        export_model(cfg, checkpoint, "onnx", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_weights_load_as_a_checkpoint(tmp_path, cfg, checkpoint, scoring_model):
    out = export_model(cfg, checkpoint, "weights", tmp_path / "weights.pth")
    weights = load_checkpoint(out)["state_dict"]
    assert weights.keys() == scoring_model.detector.state_dict().keys()
    for name, tensor in scoring_model.detector.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    "format_name", ["weights", pytest.param("program", marks=pytest.mark.slow)]
)
def test_a_full_device_gets_its_sentence(format_name, cfg, checkpoint):
    with pytest.raises(UnwritableFileError, match=r"/dev/full cannot be written .no space"):
        export_model(cfg, checkpoint, format_name, "/dev/full")


def test_a_link_is_replaced_and_a_folder_refused(tmp_path, cfg, checkpoint):
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "out.pth").symlink_to(tmp_path / "kept")
    export_model(cfg, checkpoint, "weights", tmp_path / "out.pth")
    assert (tmp_path / "kept").read_text() == "kept"
    assert "state_dict" in torch.load(tmp_path / "out.pth")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out.pth"]
    with pytest.raises(UnwritableFileError, match="is a directory"):
        export_model(cfg, checkpoint, "weights", tmp_path)


def test_unknown_format_is_refused(tmp_path, cfg, checkpoint):
    with pytest.raises(
        ConfigError, match=r"a format to export of program, weights, onnx, got 'onxn'"
    ):
        export_model(cfg, checkpoint, "onxn", tmp_path / "model")
    assert not list(Path(tmp_path).iterdir())
