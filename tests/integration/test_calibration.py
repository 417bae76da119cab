"""From training to a verdict: what validation fitted is used alike by test and prediction."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.caveats import UNCALIBRATED
from macbdf_mm.apis.evaluate_model import evaluate_model, write_scores_to
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.train_model import train_model
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.engine.hooks.decision_threshold_hook import calibration_of
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import MODELS

FPS = 12.5


@MODELS.register_module(force=True)
class TooCertain(BaseForgeryDetector):
    """Takes bright pictures for fake, with logits that are ten times too large."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.shift = torch.nn.Parameter(torch.tensor(60.0))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        levels = torch.stack([video.float().mean() for video in inputs["video"]])
        logits = (levels - 110) / 2 + self.shift
        if mode == "loss":
            return {"loss": (logits * 1e-6).mean()}
        for sample, logit in zip(data_samples, logits, strict=True):
            score = torch.sigmoid(logit / 3)
            sample.pred_scores = torch.stack([score, score, torch.tensor(torch.nan)])
        return data_samples


@pytest.fixture
def trained(write_media, tmp_path, monkeypatch):
    """A config, and the checkpoint of one epoch on made clips."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(34):
        split = "val" if number < 26 else ("train", "test")[number % 2]
        label = number // 2 % 2
        level = (70 if label else 45) + rng.normal(0, 8)
        noise = rng.integers(0, 30, (9, 32, 32, 3))
        frames = (noise + level).clip(0, 255).astype(np.uint8)
        name = f"{number}.mp4"
        write_media(tmp_path / name, list(frames), np.arange(9) / FPS, fps=FPS)
        rows.append(
            ClipRow(file=name, label=label, video_label=label, split=split, duration_seconds=0.72)
        )
    save_annotation(tmp_path / "annotation.json", {"dataset": "made"}, rows)
    pipeline = [
        dict(type="SampleClipSpan", span_seconds=0.64, stride_seconds=0.32, test_mode=True),
        dict(type="DecodeAudioVisual", num_frames=8),
        dict(type="PackForgeryInputs", num_steps=8),
    ]

    def loader(split):
        return dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="pseudo_collate"),
            dataset=dict(
                type="AudioVisualForgeryDataset",
                ann_file="annotation.json",
                data_root=str(tmp_path),
                split=split,
                test_mode=split != "train",
                pipeline=pipeline,
            ),
        )

    cfg = Config.fromfile("configs/_base_/default_runtime.py")
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path / "run"),
            model=dict(type="TooCertain", data_preprocessor=dict(type="BaseDataPreprocessor")),
            optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=1e-6)),
            train_cfg=dict(by_epoch=True, max_epochs=1, val_interval=1),
            val_cfg={},
            test_cfg={},
            train_dataloader=loader("train"),
            val_dataloader=loader("val"),
            test_dataloader=loader("test"),
            val_evaluator=dict(
                type="ForgeryMetric",
                fit_threshold=True,
                max_error=0.4,
                out_file=str(tmp_path / "val.jsonl"),
            ),
            test_evaluator=dict(type="ForgeryMetric", num_resamples=0),
        )
    )
    for name in ("contrastive_state", "om_pareto_log", "known_labels"):
        cfg.default_hooks.pop(name, None)
    train_model(cfg.copy())
    return cfg, tmp_path / "run" / "epoch_1.pth"


def test_a_test_and_a_prediction_give_the_same_calibrated_score(trained, tmp_path):
    cfg, path = trained
    weights = load_checkpoint(path)["state_dict"]
    kept = calibration_of(weights)
    assert kept.maps["overall"]["method"] == "platt"
    assert kept.maps["audio"]["method"] == "none"
    assert kept.band is not None
    thresholds = weights["decision_threshold"].tolist()
    assert all(0.05 < threshold < 0.95 for threshold in thresholds)

    validated = read_scores(tmp_path / "val.jsonl")
    assert validated.calibration == kept
    assert ScoreCalibration.fit(validated.videos).maps == kept.maps, "it is refitted from the file"

    write_scores_to(cfg, tmp_path / "test.jsonl")
    evaluate_model(cfg.copy(), path)
    tested = read_scores(tmp_path / "test.jsonl")
    assert tested.calibration == kept
    judge = ForgeryInferencer(cfg, path, device="cpu", show_progress=False)
    for video in tested.videos:
        predicted = judge(tmp_path / video.file)["predictions"][0]
        score = video.scores["overall"]
        assert predicted["scores"]["overall"] == pytest.approx(score, abs=1e-6)
        raw = video.raw_scores["overall"]
        assert predicted["raw_scores"]["overall"] == pytest.approx(raw, abs=1e-6)
        assert raw > 0.99, "the model itself is certain of all of them"
        assert score < 0.99
        assert predicted["verdict"] == kept.verdict(score, thresholds[0])
        assert UNCALIBRATED not in predicted["warnings"]
