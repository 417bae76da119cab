"""From validation to a verdict on real files, short and long, with a detector one can foresee.

It takes bright pictures for fake. The brightness of real ones varies from second to second.
"""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.describe_prediction import describe
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.engine.hooks.decision_threshold_hook import store_real_windows, store_thresholds
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import MODELS
from macbdf_mm.structures.labels import TRACKS

FPS = 12.5
FORGERY = (30.08, 32.48)


@MODELS.register_module(force=True)
class BrightIsFake(BaseForgeryDetector):
    def forward(self, inputs, data_samples=None, mode="tensor"):
        for video, mask, sample in zip(
            inputs["video"], inputs["video_mask"], data_samples, strict=True
        ):
            level = video.float().mean() if mask.any() else torch.tensor(torch.nan)
            score = torch.sigmoid((level - 120) / 6)
            sample.pred_scores = torch.stack([score, score, torch.tensor(torch.nan)])
        return data_samples


PIPELINE = [
    dict(type="SampleClipSpan", span_seconds=1.28, stride_seconds=0.64, test_mode=True),
    dict(type="DecodeAudioVisual", num_frames=8),
    dict(type="MaskUnusable"),
    dict(type="PackForgeryInputs", num_steps=8),
]
CONFIG = Config(
    dict(
        model=dict(type="BrightIsFake", data_preprocessor=dict(type="BaseDataPreprocessor")),
        test_dataloader=dict(dataset=dict(pipeline=PIPELINE)),
        test_evaluator=dict(type="ForgeryMetric"),
    )
)


@pytest.fixture
def write(write_media, tmp_path):
    """Return a function that writes a file without sound of so many seconds."""

    def write(name, seconds, seed, brighter=(0.0, 0.0)):
        rng = np.random.default_rng(seed)
        times = np.arange(round(seconds * FPS)) / FPS
        levels = np.repeat(rng.normal(100, 6, len(times)), 8)[: len(times)]
        levels[(times >= brighter[0]) & (times < brighter[1])] += 45
        ramp = np.linspace(-20, 20, 32)
        frames = [
            np.repeat(np.tile(np.roll(ramp, 3 * k) + level, (32, 1))[..., None], 3, axis=2)
            .clip(0, 255)
            .astype(np.uint8)
            for k, level in enumerate(levels)
        ]
        return write_media(tmp_path / name, frames, times, fps=FPS)

    return write


def test_a_short_forgery_in_a_minute_is_found_and_real_files_are_not(
    write, write_checkpoint, tmp_path
):
    weights = tmp_path / "weights.pth"
    model = build_model(CONFIG)
    write_checkpoint(weights, model.state_dict())

    def inferencer():
        return ForgeryInferencer(CONFIG, weights, device="cpu", show_progress=False)

    # Validation: twelve short clips, of which four are fake.
    metric, unfitted = ForgeryMetric(fit_threshold=True, num_resamples=1), inferencer()
    for number in range(12):
        is_fake = number % 3 == 2
        clip = write(f"{number}.mp4", 7.0, number, (1.0, 3.4) if is_fake else (0, 0))
        samples = unfitted(clip, return_datasamples=True)["predictions"][0]
        for sample in samples:
            labels = dict.fromkeys(("clip_label", "clip_video_label"), int(is_fake))
            sample.set_metainfo({**labels, "clip_audio_label": -1})
        metric.process(None, [sample.to_dict() for sample in samples])
    metric.compute_metrics(metric.results)
    store_thresholds(model, [metric.thresholds[track] for track in TRACKS], True)
    store_real_windows(model, metric.real_windows)
    write_checkpoint(weights, model.state_dict())

    judge = inferencer()
    for seconds in (2.0, 20.0, 60.0):
        real = judge(write(f"real_{seconds}.mp4", seconds, 99))["predictions"][0]
        assert real["verdict"] == "real", describe(real)
        assert not any(real["flagged"].values())
    fake = judge(write("fake.mp4", 60.0, 99, FORGERY))["predictions"][0]
    assert fake["verdict"] in ("fake", "parts flagged"), describe(fake)
    ((start, end),) = fake["flagged"]["overall"]
    assert abs(start - FORGERY[0]) < 1.28
    assert abs(end - FORGERY[1]) < 1.28
    assert "stands out at" in describe(fake)
    # The mean of the top quarter of its windows would not have reached the threshold.
    scores = sorted(window[2] for window in fake["windows"])
    assert np.mean(scores[-len(scores) // 4 :]) < fake["thresholds"]["overall"]
