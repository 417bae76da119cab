"""A detector that needs no training, and a small data set and config to evaluate it with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.registry import MODELS

BASE = Path(__file__).parents[2] / "configs" / "_base_" / "default_runtime.py"
# Of video and audio.
LABELS = ((0, 0), (1, 0), (0, 0), (1, 1))


@MODELS.register_module()
class MeanDetector(BaseForgeryDetector):
    """Scores by the mean picture, the loudness and how these change, with random weights."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        video = torch.stack(list(inputs["video"])).float() / 255
        sound = torch.stack(list(inputs["waveform"])).abs()
        middle = sound.shape[-1] // 2
        features = [
            video.mean((1, 2, 3, 4)),
            (video[:, :, -1] - video[:, :, 0]).mean((1, 2, 3)),
            sound.mean(1),
            sound[:, :middle].mean(1) - sound[:, middle:].mean(1),
        ]
        found = self.layer(torch.stack(features, 1)).sigmoid()
        seen = zip(inputs["video_mask"], inputs["audio_mask"], strict=True)
        for sample, scores, masks in zip(data_samples, found, seen, strict=True):
            is_seen = torch.tensor([True, bool(masks[0].any()), bool(masks[1].any())])
            sample.pred_scores = scores.where(is_seen, torch.nan)
        return data_samples


def made_weights() -> Mapping[str, torch.Tensor]:
    """Return the same random weights each time, with thresholds."""
    torch.manual_seed(3)
    model = MeanDetector()
    model.decision_threshold.copy_(torch.tensor([0.5, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    return model.state_dict()


def write_data_set(
    folder: Path,
    name: str,
    make_clip: Callable[..., Path],
    labels: Sequence[tuple[int, int]] = LABELS,
) -> None:
    """Write an annotation with short clips; one of the name ``demo`` says that it is synthetic."""
    rows = []
    for index, tracks in enumerate(labels):
        file = f"test/{index}.mp4"
        make_clip(folder / file, seconds=0.4, sound_start_seconds=0.05 * (index % 4))
        known = {"identity": f"id{index // 2}", "method": "swap" if max(tracks) else None}
        rows.append(
            ClipRow(file, max(tracks), *tracks, split="test", duration_seconds=0.4, **known)
        )
    metainfo = {"dataset": name, "synthetic": name == "demo"}
    save_annotation(folder / "annotation.json", metainfo, rows)


def write_config(path: Path, data_root: Path, batch_size: int = 4) -> Path:
    """Write the config of the detector with a test on a data set."""
    pipeline = [
        dict(type="SampleClipSpan", span_seconds=0.32, test_mode=True),
        dict(type="DecodeAudioVisual", num_frames=4),
        dict(type="PackForgeryInputs", num_steps=2),
    ]
    dataset = dict(
        type="AudioVisualForgeryDataset", ann_file="annotation.json", split="test", test_mode=True,
        data_root=str(data_root), decode_time_limit_seconds=None, pipeline=pipeline,
    )  # fmt: skip
    path.write_text(
        f"_base_ = [{str(BASE)!r}]\n"
        "custom_imports = dict(imports=['macbdf_mm', 'mean_detector'])\n"
        "model = dict(type='MeanDetector')\n"
        f"test_dataloader = dict(batch_size={batch_size}, num_workers=0, collate_fn=dict(type="
        "'pseudo_collate'), sampler=dict(type='DefaultSampler', shuffle=False),\n"
        f"    dataset={dataset!r})\n"
        "test_cfg = dict()\n"
        "test_evaluator = dict(type='ForgeryMetric', num_resamples=20)\n"
    )
    return path
