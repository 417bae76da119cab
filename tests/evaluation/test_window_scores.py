import math

import pytest
import torch

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.window_scores import window_of_sample
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

NAN = math.nan


def test_window_of_a_data_sample():
    sample = ForgeryDataSample(pred_scores=torch.tensor([0.25, 0.75, NAN]))
    sample.set_metainfo(
        {
            "file": "a.mp4",
            "span_seconds": (0.5, 1.78),
            "clip_label": 1,
            "clip_video_label": 1,
            "clip_audio_label": -1,
            "category": None,
            "method": "patch",
            "dataset_name": "tiny",
            "identity": "anna",
            "source": None,
            "extra": {"video_method": "patch", "audio_method": None, "fps": 25, "boxes": [1]},
        }
    )
    result = window_of_sample(sample.to_dict())
    assert result.span_seconds == (0.5, 1.78)
    assert result.scores[:2] == (0.25, 0.75)
    assert math.isnan(result.scores[2])
    assert result.labels == (1, 1, -1)
    assert result.dataset == "tiny"
    assert result.groups == {
        "method": "patch", "video_method": "patch", "identity": "anna", "fps": "25",
    }  # fmt: skip


def test_steps_of_a_data_sample_are_read_with_their_labels():
    sample = ForgeryDataSample(
        pred_scores=torch.tensor([0.5, 0.5, 0.5]),
        pred_video_steps=torch.tensor([0.25, NAN]),
        pred_audio_steps=torch.tensor([0.5, 0.75]),
        gt_audio_steps=torch.tensor([0, 1]),
    )
    sample.set_metainfo({"file": "a.mp4", "span_seconds": (0.0, 1.0)})
    steps = window_of_sample(sample.to_dict()).steps
    assert steps["video"].labels.tolist() == [-1, -1]
    assert steps["audio"].labels.tolist() == [0, 1]
    assert steps["audio"].scores.tolist() == [0.5, 0.75]
    del sample.pred_video_steps, sample.pred_audio_steps
    assert window_of_sample(sample.to_dict()).steps == {}


def test_steps_without_a_label_each_are_refused():
    sample = ForgeryDataSample(
        pred_scores=torch.tensor([0.5, 0.5, 0.5]),
        pred_audio_steps=torch.zeros(8),
        gt_audio_steps=torch.zeros(4, dtype=torch.int64),
    )
    sample.set_metainfo({"file": "a.mp4", "span_seconds": (0.0, 1.0)})
    with pytest.raises(ConfigError, match=r"scores 8 time steps of the audio.*4 step labels"):
        window_of_sample(sample.to_dict())
