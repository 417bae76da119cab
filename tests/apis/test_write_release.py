"""What stands in a release folder."""

import json

import pytest
import torch
from mmengine.config import Config
from safetensors.torch import load_file

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.face_training import FaceTraining
from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.apis.release import release_config
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.apis.write_release import shared_config, write_release
from macbdf_mm.errors import ConfigError, MissingDataError, UnwritableFileError
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import TRACKS

FILES = ["README.md", "SHA256SUMS", "config.py", "model.safetensors", "release.json"]
SMALL = {
    "model.video_backbone.depth": 1,
    "model.audio_backbone.depth": 1,
}


@pytest.fixture(scope="module")
def cfg(run_dir):
    return load_config(run_dir / "macbdf_demo.py", SMALL)


@pytest.fixture(scope="module")
def weights(cfg):
    torch.manual_seed(0)
    model = build_model(cfg)
    model.decision_threshold.copy_(torch.tensor([0.3, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    return model.state_dict()


@pytest.fixture
def checkpoint(tmp_path, weights, write_checkpoint):
    (tmp_path / "run").mkdir()
    return write_checkpoint(tmp_path / "run" / "epoch_1.pth", weights)


def facts_of(folder):
    return json.loads((folder / "release.json").read_text())


def test_the_folder_and_its_facts(cfg, checkpoint, weights, tmp_path):
    out = write_release(cfg, checkpoint, tmp_path / "new" / "release")
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert [path.name for path in out.parent.iterdir()] == ["release"]
    assert len({path.stat().st_mode for path in out.iterdir()}) == 1
    facts = facts_of(out)
    assert facts["name"] == "macbdf_demo"
    assert facts["thresholds"] == pytest.approx({"overall": 0.3, "video": 0.4, "audio": 0.6})
    assert (facts["is_threshold_fitted"], facts["calibration"], facts["figures"]) == (
        True,
        None,
        None,
    )
    assert facts["meta"]["training_data"] == {"dataset": "demo", "synthetic": True}
    model = build_model(cfg)
    load_weights(model, weights, "w")
    assert facts["weights_sha256"] == weight_digest(model)
    assert facts["num_parameters"] == sum(p.numel() for p in model.parameters())
    card = (out / "README.md").read_text()
    assert "overall 0.300, video 0.400, audio 0.600" in card
    assert "scores say nothing about real video" in card
    assert "No test of these weights is known." in card


def test_what_faces_the_weights_were_trained_on_is_kept(face_run_dir, tmp_path):
    cfg = Config.fromfile(str(face_run_dir / "run.py"))
    out = write_release(cfg, face_run_dir / "best.pth", tmp_path / "release")
    assert facts_of(out)["reads_face_crops"]
    assert "trained on face crops" in (out / "README.md").read_text()
    original = torch.load(face_run_dir / "best.pth", weights_only=True)
    released = FaceTraining.of(release_config(out), load_checkpoint(out))
    assert released == FaceTraining.of(cfg, original)
    assert (released.on_faces, released.is_known, released.crops.size) == (True, True, 96)


def test_half_precision_halves_parameters_and_keeps_buffers(cfg, checkpoint, weights, tmp_path):
    whole = write_release(cfg, checkpoint, tmp_path / "whole")
    half = write_release(cfg, checkpoint, tmp_path / "half", half=True)
    stored = load_file(half / "model.safetensors")
    parameters = {name for name, _ in build_model(cfg).named_parameters()}
    for name, weight in weights.items():
        expected = weight.half() if name in parameters else weight
        assert torch.equal(stored[name], expected), name
        assert stored[name].dtype == expected.dtype
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (half, whole)]
    assert sizes[0] < sizes[1]
    assert (facts_of(half)["precision"], facts_of(whole)["precision"]) == ("float16", "float32")
    # It is loaded into float32, and its digest is of what is computed with.
    model = build_model(cfg)
    load_weights(model, load_checkpoint(half)["state_dict"], "half")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert facts_of(half)["weights_sha256"] == weight_digest(model)


def test_a_weight_that_float16_cannot_hold_is_named(cfg, weights, tmp_path, write_checkpoint):
    name = next(name for name, _ in build_model(cfg).named_parameters())
    large = {**weights, name: torch.full_like(weights[name], 1e6)}
    path = write_checkpoint(tmp_path / "large.pth", large)
    with pytest.raises(ConfigError, match=rf"'{name}' has values up to 1e\+06, .* without --half"):
        write_release(cfg, path, tmp_path / "out", half=True)
    assert not (tmp_path / "out").exists()


def test_an_older_release_is_replaced_and_nothing_else(cfg, checkpoint, tmp_path):
    out = write_release(cfg, checkpoint, tmp_path / "out")
    (out / "model.onnx").touch()
    write_release(cfg, checkpoint, out)
    assert sorted(path.name for path in out.iterdir()) == FILES
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("words")
    (out / "thesis.tex").write_text("words")
    # Other programs have a release.json, too.
    for folder in (tmp_path / "other", out):
        with pytest.raises(UnwritableFileError, match=r"holds 'thesis\.tex', which is no part of"):
            write_release(cfg, checkpoint, folder)
        assert (folder / "thesis.tex").read_text() == "words"


def test_the_current_folder_can_become_a_release(cfg, checkpoint, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_release(cfg, checkpoint, ".")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == FILES


def test_without_a_checkpoint_nothing_is_left(cfg, tmp_path):
    with pytest.raises(MissingDataError, match="does not exist"):
        write_release(cfg, tmp_path / "none.pth", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_same", [True, False])
def test_figures_are_those_of_the_same_weights(cfg, checkpoint, weights, tmp_path, is_same):
    model = build_model(cfg)
    load_weights(model, weights, "w")
    videos = [
        VideoScores(
            f"{k}.mp4", dict.fromkeys(TRACKS, 0.2 + 0.6 * (k % 2)), dict.fromkeys(TRACKS, k % 2)
        )
        for k in range(8)
    ]
    digest = weight_digest(model) if is_same else "another"
    scores = ScoreSet(videos, dict.fromkeys(TRACKS, 0.5), origin={"weights_sha256": digest})
    write_scores(scores, checkpoint.parent / "test_scores.jsonl")
    out = write_release(cfg, checkpoint, tmp_path / "out")
    figures = facts_of(out)["figures"]
    assert (figures is not None) == is_same
    assert ("8 clips of the config's test set" in (out / "README.md").read_text()) == is_same
    # A release of the release knows as much, and says what was measured before rounding.
    again = write_release(cfg, out, tmp_path / "again")
    assert facts_of(again)["figures"] == figures
    half = write_release(cfg, again / "model.safetensors", tmp_path / "half", half=True)
    assert facts_of(half)["figures"] == figures
    assert ("before the weights were rounded" in (half / "README.md").read_text()) == is_same


def test_what_belongs_to_the_run_stays_out_of_the_config(run_dir):
    cfg = load_config(run_dir / "macbdf_demo.py")
    cfg.work_dir, cfg.load_from, cfg.experiment_name = "/home/me/run", "/home/me/w.pth", "mine"
    text = shared_config(cfg).pretty_text
    assert "/home/me" not in text
    assert "mine" not in shared_config(cfg)
    assert cfg.work_dir == "/home/me/run"
